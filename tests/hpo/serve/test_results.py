"""What a search has found, over HTTP: the same rows, cells and pages that the commands write at home."""

from __future__ import annotations

import io
import json
import math
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
import sqlalchemy as sa

from hpo.serve import study_tables
from hpo.serve.database import ServiceDatabase
from hpo.serve.service import Service
from hpo.serve.tables import searches
from studies import Study
from studies.analysis import export
from studies.database.engine import now
from studies.database.store import open_store
from studies.words import finite
from tests.hpo.serve.in_process import by, make_service, problem, serving
from tests.studies.stores import add


@pytest.fixture(scope="module")
def served(
    study: Study, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, httpx.Client]]:
    """A service whose database has the small study, which is ada's; not to be written to."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copy(study.storage.removeprefix("sqlite:///"), folder / "study.db")
    service = make_service(folder, f"sqlite:///{folder / 'study.db'}")
    own(service.database, "small", "ada")
    add(service.database.url, "a/b <script>")
    with pytest.MonkeyPatch.context() as patch, serving(service, patch) as client:
        yield service, client


@pytest.fixture(scope="module")
def client(served: tuple[Service, httpx.Client]) -> httpx.Client:
    return served[1]


def own(database: ServiceDatabase, name: str, owner: str, *, shared: bool = False) -> None:
    """Let a search be an owner's."""
    with database.writing() as connection:
        connection.execute(
            sa.insert(searches).values(
                name=name, owner=owner, shared=shared, kind="network", plan="{}", created=now()
            )
        )


def frame_of(study: Study, table: str) -> pd.DataFrame:
    frame: pd.DataFrame = getattr(study, f"{table}_frame")()
    return frame


def every_page(client: httpx.Client, path: str, **query: Any) -> list[httpx.Response]:
    """The pages of a table, by the links from each to the next."""
    answer = client.get(path, params=query)
    answers = [answer]
    while "next" in answer.links:
        answer = client.get(answer.links["next"]["url"].removeprefix("/api/v1"))
        answers.append(answer)
    assert all(answer.status_code == 200 for answer in answers)
    return answers


@pytest.mark.parametrize("table", ["trials", "epochs", "rounds", "finalists"])
def test_a_table_is_what_hpo_export_writes(client: httpx.Client, study: Study, table: str) -> None:
    frame = frame_of(study, table)
    path, all_rows = f"/searches/small/{table}", {"limit": 1000}
    csv = client.get(path, params={"format": "csv", **all_rows})
    assert csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert csv.content == export.to_csv(frame)
    asked = client.get(path, params=all_rows, headers={"Accept": "text/csv"})
    assert asked.content == csv.content
    parquet = client.get(path, params={"format": "parquet", **all_rows})
    pd.testing.assert_frame_equal(
        pd.read_parquet(io.BytesIO(parquet.content)),
        pd.read_parquet(io.BytesIO(export.to_parquet(frame))),
        check_categorical=False,
    )
    rows = client.get(path, params=all_rows).json()
    lines = [json.loads(line) for line in export.to_json_lines(frame).splitlines()]
    assert json.dumps(rows) == json.dumps(lines)


@pytest.mark.parametrize(("table", "size"), [("trials", 20), ("rounds", 4), ("finalists", 3)])
def test_pages_one_after_another_are_the_table(
    client: httpx.Client, study: Study, table: str, size: int
) -> None:
    pages = every_page(client, f"/searches/small/{table}", limit=size, format="csv")
    rows = len(frame_of(study, table))
    assert len(pages) == math.ceil(rows / size)
    head, *_ = pages[0].text.splitlines(keepends=True)
    bodies = [page.text.removeprefix(head) for page in pages]
    assert head + "".join(bodies) == export.to_csv(frame_of(study, table)).decode()
    beyond = client.get(f"/searches/small/{table}", params={"offset": rows, "format": "csv"})
    assert beyond.text == head


def test_pages_of_epochs_have_all_epochs_of_some_trials(client: httpx.Client, study: Study) -> None:
    frame = study.epochs_frame()
    pages = every_page(client, "/searches/small/epochs", limit=10, round=1)
    rows = [row for page in pages for row in page.json()]
    trials = study.trials_frame()
    expected = frame[frame["trial"].isin(trials["number"][trials["round"] == 1])]
    assert [(r["trial"], r["epoch"]) for r in rows] == [
        *zip(expected["trial"], expected["epoch"], strict=True)
    ]
    assert len(pages) == 2


def test_trials_are_filtered_and_ordered(client: httpx.Client, study: Study) -> None:
    assert study.best is not None
    best = client.get("/searches/small/trials", params={"order": "best", "limit": 1}).json()
    assert [row["number"] for row in best] == [study.best.number]
    frame = study.trials_frame()
    query: dict[str, Any] = {"state": ["complete", "pruned"], "round": 2, "max": study.best.value}
    rows = client.get("/searches/small/trials", params=query).json()
    assert [row["number"] for row in rows] == frame["number"][
        frame["state"].isin(["complete", "pruned"])
        & (frame["round"] == 2)
        & (frame["value"] <= study.best.value)
    ].to_list()


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"limit": 0}, "limit"),
        ({"offset": -1}, "offset"),
        ({"format": "xml"}, "format"),
        ({"state": "done"}, "state"),
        ({"min": "nan"}, "min"),
        ({"rond": 1}, "rond"),
        ({"round": 10**30}, "round"),
    ],
)
def test_what_is_no_query_is_refused(
    client: httpx.Client, query: dict[str, Any], reason: str
) -> None:
    assert reason in problem(client.get("/searches/small/trials", params=query), 422)


def test_one_trial_is_what_hpo_show_prints(client: httpx.Client, study: Study) -> None:
    expected = json.loads(json.dumps(finite(study.trial(7).as_mapping())))
    assert client.get("/searches/small/trials/7").json() == expected
    detail = problem(client.get("/searches/small/trials/4711"), 404)
    assert detail == "no trial 4711 in search 'small'"
    problem(client.get("/searches/small/trials/-1"), 422)
    problem(client.get(f"/searches/small/trials/{10**40}"), 422)


def test_the_report_is_drawn_once_for_each_state_and_runs_nothing(
    client: httpx.Client, served: tuple[Service, httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = client.get("/searches/small/report")
    assert first.headers["content-type"] == "text/html; charset=utf-8"
    assert "sandbox" in first.headers["content-security-policy"]
    assert "<h1" in first.text
    assert str(served[0].folder) not in first.text  # no path of the server
    with monkeypatch.context() as patch:
        patch.setattr(served[0].pool, "run", None)  # it is not needed again
        assert client.get("/searches/small/report").text == first.text
    again = client.get("/searches/small/report", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_figures_are_drawn_by_their_names(client: httpx.Client) -> None:
    answer = client.get("/searches/small/plots/history.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert b"<svg" in answer.content
    assert "there are history, ranges," in problem(client.get("/searches/small/plots/x.svg"), 404)


def test_the_names_of_figures_are_those_of_a_study(study: Study) -> None:
    assert tuple(study.plot.each()) == study_tables.FIGURES


PATHS = (
    "trials",
    "epochs",
    "rounds",
    "finalists",
    "trials/0",
    "report",
    "plots/history.svg",
    "database",
)


@pytest.mark.parametrize("path", PATHS)
def test_another_owners_results_look_as_if_they_did_not_exist(
    client: httpx.Client, path: str
) -> None:
    missing = problem(client.get(f"/searches/nothing/{path}", headers=by("bob")), 404)
    hidden = problem(client.get(f"/searches/small/{path}", headers=by("bob")), 404)
    assert hidden.replace("small", "nothing") == missing
    assert problem(client.get(f"/searches/~1/{path}", headers=by("bob")), 404)
    for name in ("~2", "..%2f..", "%00", "<script>", "x" * 5_000, "~" + "9" * 30, "%ff", "~-1"):
        problem(client.get(f"/searches/{name}/{path}"), 404)
    assert client.get(f"/searches/small/{path}", headers=by("eve", "admin")).status_code == 200


def test_a_study_that_no_search_made_is_an_admins_by_its_number(client: httpx.Client) -> None:
    answer = client.get("/searches/~2/trials", headers=by("eve", "admin"))
    assert answer.json() == []
    assert answer.headers["content-disposition"] == 'inline; filename="a-b-script-trials.json"'
    assert client.get("/searches/~1/trials", params={"limit": 1}).json()[0]["number"] == 0


def test_a_shared_search_is_read_by_others_and_one_that_has_not_begun_says_so(
    served: tuple[Service, httpx.Client],
) -> None:
    service, client = served
    add(service.database.url, "shared")
    own(service.database, "shared", "ada", shared=True)
    own(service.database, "waiting", "ada")
    assert client.get("/searches/shared/trials", headers=by("bob", "read")).json() == []
    detail = problem(client.get("/searches/waiting/trials"), 404)
    assert detail == "search 'waiting' has not begun, so it has no trials yet"
    assert "of yours" in problem(client.get("/searches/waiting/trials", headers=by("bob")), 404)


def test_the_database_is_sent_when_it_has_changed(
    served: tuple[Service, httpx.Client], tmp_path: Path, study: Study
) -> None:
    service, client = served
    first = client.get("/searches/small/database")
    assert first.headers["content-type"] == "application/vnd.sqlite3"
    assert first.headers["content-disposition"] == 'attachment; filename="small.db"'
    (tmp_path / "copy.db").write_bytes(first.content)
    copy = Study("small", f"sqlite:///{tmp_path / 'copy.db'}")
    pd.testing.assert_frame_equal(copy.trials_frame(), study.trials_frame())
    assert copy.optuna().best_value == study.optuna().best_value
    with sqlite3.connect(tmp_path / "copy.db") as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master")]
    assert not [name for name in names if name.startswith("hpo_service")]
    known = {"If-None-Match": first.headers["etag"]}
    again = client.get("/searches/small/database", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    with service.database.writing() as connection:
        connection.execute(sa.text("UPDATE hpo_studies SET completed = NULL WHERE study_id = 1"))
    changed = client.get("/searches/small/database", headers=known)
    assert (changed.status_code, changed.headers["etag"] == first.headers["etag"]) == (200, False)
    kept = list((service.folder / "snapshots").iterdir())
    assert len(kept) == 1


def test_studies_are_listed_for_those_who_may_see_them(client: httpx.Client) -> None:
    def names(**caller: str) -> list[str]:
        return [study["study"] for study in client.get("/studies", headers=caller).json()]

    assert "small" in names()
    assert "a/b <script>" not in names()
    assert "small" not in names(**by("bob"))
    assert {"small", "a/b <script>"} <= set(names(**by("eve", "admin")))


def test_a_large_page_is_written_beside_the_server(
    served: tuple[Service, httpx.Client], study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    _service, client = served
    monkeypatch.setattr(study_tables, "page", None)  # in this process
    answer = client.get("/searches/small/trials", params={"limit": 1001, "format": "csv"})
    assert answer.content == export.to_csv(study.trials_frame())


def test_a_name_in_a_report_is_a_word(served: tuple[Service, httpx.Client]) -> None:
    service, client = served
    with open_store(service.database.url) as store:
        number = store.study("a/b <script>").study_id
    page = client.get(f"/searches/~{number}/report", headers=by("eve", "admin"))
    assert page.status_code == 200
    assert "<script>" not in page.text
