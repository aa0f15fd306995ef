"""Models over HTTP: trained by a job, downloaded, asked for predictions, deleted."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

import hpo
import trainer
from hpo.serve.pool import Pool
from hpo.serve.service import Service
from hpo.serve.tables import models
from tests.hpo.serve.in_process import by, problem, serving
from tests.hpo.serve.jobs_here import (
    SHORT,
    THINGS,
    Lasting,
    create,
    run_here,
    run_job,
    service_of,
)

PLAN = {**SHORT, "target": "kind", "seed": 3}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose jobs the tests run themselves, with ada's search `s` on her table."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        made = service_of(folder, f"sqlite:///{folder / 'study.db'}", Lasting(folder), patch)
        with serving(made, patch) as client:
            client.post("/data", params={"name": "things.csv"}, content=THINGS)
            assert create(client, name="s", data="things.csv", plan=PLAN).status_code == 201
            patch.chdir(made.data_folder)
            assert run_here(made) == "done"
            yield made
    Pool.close(made.pool)


@pytest.fixture
def client(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A client of it, of ada's, in the folder of its jobs."""
    monkeypatch.chdir(service.data_folder)
    with serving(service, monkeypatch) as opened:
        yield opened
    with service.database.writing() as connection:
        connection.execute(sa.delete(models))


def trained(client: httpx.Client, service: Service, **options: Any) -> str:
    """The id of a new model of the search `s`."""
    answer = client.post("/searches/s/models", json=options)
    assert answer.status_code == 202, answer.text
    assert answer.json()["state"] == "queued"
    assert run_here(service) == "done"
    return str(answer.json()["id"])


def test_a_model_is_trained_downloaded_and_the_same_as_at_home(
    client: httpx.Client, service: Service, tmp_path: Path
) -> None:
    model_id = trained(client, service, ensemble=2)
    shown = client.get(f"/models/{model_id}").json()
    assert (shown["state"], shown["search"], shown["ensemble"]) == ("done", "s", 2)
    assert len(shown["facts"]["networks"]) == 2
    assert str(service.folder) not in json.dumps(shown)
    answer = client.get(f"/models/{model_id}/file")
    assert answer.status_code == 200
    assert shown["bytes"] == len(answer.content)
    here, there = tmp_path / "here.hpo", tmp_path / "there.hpo"
    here.write_bytes(answer.content)
    trainer.save(hpo.train("s", storage=service.database.url, ensemble=2), there)
    assert here.read_bytes() == there.read_bytes()
    assert b"<html" in client.get(f"/models/{model_id}/card").content
    assert [m["id"] for m in client.get("/searches/s/models").json()] == [model_id]
    assert [m["id"] for m in client.get("/models").json()] == [model_id]


def test_predictions_are_those_of_the_command(
    client: httpx.Client, service: Service, tmp_path: Path
) -> None:
    model_id = trained(client, service)
    rows = b"colour,size\n" + b"".join(
        b"%s,%d\n" % (b"redbluegreen"[: k % 5], k) for k in range(500)
    )
    answer = client.post(f"/models/{model_id}/predictions", content=rows)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    assert any("never seen" in note for note in json.loads(answer.headers["hpo-notes"]))
    found = list(csv.DictReader(io.StringIO(answer.text)))
    model = trainer.load(service.model_folder / f"{model_id}.hpo")
    (tmp_path / "rows.csv").write_bytes(rows)
    from hpo.predicting import predict_file

    list(
        predict_file(
            service.model_folder / f"{model_id}.hpo", tmp_path / "rows.csv", tmp_path / "out.csv"
        )
    )
    assert answer.content == (tmp_path / "out.csv").read_bytes()
    assert len(found) == 500
    assert {row["prediction"] for row in found} <= {*model.class_names}
    assert not [*service.data_folder.glob(".upload-*")]


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (b"", "rows.csv"),
        (b"size\n3\n", "colour"),
        (b"size,colour\n1,red\n2\n", "rows.csv"),
        (b"size,colour\n" + b"1,red\n" * 1001, "1,000 rows"),
        (b"\x00\x01" * 50, "rows.csv"),
    ],
)
def test_rows_that_can_not_be_used_are_a_line_without_a_path(
    rows: bytes, names: str, client: httpx.Client, service: Service
) -> None:
    with service.database.reading() as connection:
        known = connection.execute(sa.select(models.c.model_id)).scalar()
    model_id = known or trained(client, service)
    detail = problem(client.post(f"/models/{model_id}/predictions", content=rows), 422)
    assert names in detail
    assert str(service.folder) not in detail


def test_what_can_not_be_trained_is_said_at_once(client: httpx.Client, service: Service) -> None:
    assert "99" in problem(client.post("/searches/s/models", json={"trial": 99}), 422)
    assert "ensemble" in problem(client.post("/searches/s/models", json={"ensemble": 0}), 422)
    assert "ensemble" in problem(client.post("/searches/s/models", json={"ensemble": 51}), 422)
    both = {"ensemble": 2, "trial": 1}
    assert "trial" in problem(client.post("/searches/s/models", json=both), 422)
    problem(client.post("/searches/none/models"), 404)
    assert client.get("/models").json() == []


def test_a_models_state_and_files_wait_until_it_is_trained(
    client: httpx.Client, service: Service
) -> None:
    model_id = client.post("/searches/s/models").json()["id"]
    for path in ("file", "card"):
        assert "queued" in problem(client.get(f"/models/{model_id}/{path}"), 409)
    assert "queued" in problem(
        client.post(f"/models/{model_id}/predictions", content=b"x\n1\n"), 409
    )
    assert client.delete(f"/models/{model_id}").status_code == 204
    assert run_here(service) is None


def test_a_model_that_is_deleted_while_it_is_trained_leaves_no_file(
    client: httpx.Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hpo.card import writing

    model_id = client.post("/searches/s/models").json()["id"]
    write = writing.write_card

    def and_delete(*given: Any) -> None:
        write(*given)
        assert client.delete(f"/models/{model_id}").status_code == 204
        write(*given)

    monkeypatch.setattr(writing, "write_card", and_delete)
    before = {*service.model_folder.iterdir()}
    assert run_here(service) is None
    assert {*service.model_folder.iterdir()} == before


def test_models_are_their_owners_unless_the_search_is_shared(
    client: httpx.Client, service: Service
) -> None:
    model_id = trained(client, service)
    for path in ("", "/file", "/card"):
        problem(client.get(f"/models/{model_id}{path}", headers=by("bob")), 404)
    problem(client.post("/searches/s/models", headers=by("bob")), 404)
    client.post("/searches/s/share")
    assert client.get(f"/models/{model_id}/file", headers=by("bob")).status_code == 200
    problem(client.delete(f"/models/{model_id}", headers=by("bob")), 404)
    client.post("/searches/s/share", json={"shared": False})
    problem(client.get(f"/models/{model_id}", headers=by("bob")), 404)


def test_an_owners_models_have_no_more_bytes_than_the_limit(
    client: httpx.Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = client.post("/searches/s/models").json()["id"]
    assert run_here(service, model_bytes=10) == "failed"
    failed = client.get(f"/models/{model_id}").json()
    assert "10" in failed["reason"]
    assert not (service.model_folder / f"{model_id}.hpo").exists()
    other = trained(client, service)
    limits = service.settings.limits.model_copy(update={"model_bytes": 10})
    monkeypatch.setattr(service, "settings", service.settings.model_copy(update={"limits": limits}))
    problem(client.post("/searches/s/models"), 429)
    client.delete(f"/models/{other}")
    assert client.post("/searches/s/models").status_code == 202
    run_here(service)


def test_a_model_is_there_as_an_onnx_file(client: httpx.Client, service: Service) -> None:
    onnx = pytest.importorskip("onnx")
    model_id = trained(client, service)
    answer = client.get(f"/models/{model_id}/file", params={"format": "onnx"})
    assert answer.status_code == 200, answer.text
    assert onnx.load_from_string(answer.content).graph.output


@pytest.mark.slow
def test_a_training_that_takes_too_long_ends_with_its_reason(
    client: httpx.Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = client.post("/searches/s/models").json()["id"]
    limits = service.settings.limits.model_copy(update={"seconds": 0})
    monkeypatch.setattr(service, "settings", service.settings.model_copy(update={"limits": limits}))
    run_job(service)
    failed = client.get(f"/models/{model_id}").json()
    assert (failed["state"], failed["bytes"]) == ("failed", None)
    assert "0 s" in failed["reason"]


@pytest.mark.parametrize("model_id", ["..", "%2e%2e%2fx", "a" * 10_000, "<script>", "%00", "é"])
def test_ids_of_no_model_are_harmless(model_id: str, client: httpx.Client) -> None:
    assert client.get(f"/models/{model_id}/file").status_code == 404
