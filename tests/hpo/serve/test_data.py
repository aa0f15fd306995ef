"""Data sets: uploaded in pieces, understood, kept by their hash, counted, and deleted with the last of their owners."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from hpo.serve.caller import Caller
from hpo.serve.data import data_files, data_sets, uploading
from hpo.serve.problems import ProblemError
from hpo.serve.service import Service
from hpo.serve.tables import data_sets as table
from hpo.serve.tables import searches
from studies.database.engine import now
from tests.hpo.serve.in_process import by, make_service, problem, serving

PENGUINS = (
    b"species,bill,island\n"
    + b"Adelie,39.1,Torgersen\nGentoo,46.5,Biscoe\nAdelie,38.2,Dream\nGentoo,47.1,Biscoe\n" * 5
)

Serve = Callable[..., tuple[Service, httpx.Client]]


@pytest.fixture(params=["sqlite", "postgresql"])
def any_storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'service.db'}"
    url: str = request.getfixturevalue("postgres_storage")
    return url


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    with ExitStack() as stack:

        def begin(storage: str | None = None, **limits: int) -> tuple[Service, httpx.Client]:
            storage = storage or f"sqlite:///{tmp_path / 'service.db'}"
            service = make_service(tmp_path / "served", storage, **limits)
            running: AbstractContextManager[httpx.Client] = serving(service, monkeypatch)
            return service, stack.enter_context(running)

        yield begin


def put(client: httpx.Client, name: str, content: bytes, **caller: str) -> str:
    answer = client.post("/data", params={"name": name}, content=content, headers=caller)
    assert answer.status_code == 201, answer.text
    data_id: str = answer.json()["id"]
    return data_id


def files(service: Service) -> list[str]:
    """All files and folders in the folder of the data."""
    return sorted(str(p.relative_to(service.data_folder)) for p in service.data_folder.rglob("*"))


def test_a_table_is_understood_listed_and_deleted(serve: Serve, any_storage: str) -> None:
    service, client = serve(any_storage)
    answer = client.post("/data", params={"name": "penguins.csv"}, content=PENGUINS)
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/data/{made['id']}"
    assert (made["name"], made["bytes"], made["rows"], made["columns"], made["owner"]) == (
        "penguins.csv", len(PENGUINS), 20, 3, "ada",
    )  # fmt: skip
    assert [c["name"] for c in made["facts"]["described"]] == ["species", "bill", "island"]
    assert files(service) == [made["id"], f"{made['id']}/penguins.csv"]
    assert (service.data_folder / made["id"] / "penguins.csv").read_bytes() == PENGUINS

    plain = {key: value for key, value in made.items() if key != "facts"}
    assert client.get("/data").json() == [plain]
    assert client.get(f"/data/{made['id']}").json() == made
    facts = client.get(f"/data/{made['id']}", params={"target": "species"}).json()["facts"]
    assert facts["classes"] == {"Adelie": 10, "Gentoo": 10}
    assert sum(facts["splits"].values()) == 20
    with service.database.reading() as connection:
        source = data_sets.source_of(connection, Caller("ada", "run"), made["id"])
    assert (service.data_folder / source).is_file()

    assert client.delete(f"/data/{made['id']}").status_code == 204
    assert client.get("/data").json() == []
    assert files(service) == []


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/penguins.csv", "penguins.csv"),
        ("C:\\data\\Pen guins.CSV", "Pen-guins.csv"),
        ("<script>alert(1)</script>.csv", "script.csv"),
        ("'; DROP TABLE studies; --.tsv", "DROP-TABLE-studies.tsv"),
        ("펭귄.csv", "펭귄.csv"),
        ("...csv", "table.csv"),
        (".csv", "table.csv"),
        ("a\0b.csv", "a-b.csv"),
        ("-rf.txt", "rf.txt"),
        ("x" * 10_000 + ".csv", "x" * 60 + ".csv"),
    ],
)
def test_a_hostile_name_becomes_a_plain_one(name: str, kept: str) -> None:
    assert uploading.table_name(name) == kept


@pytest.mark.parametrize("name", ["", "penguins", "a.exe", "a.csv/", "a.parquet.gz", "a.pkl"])
def test_a_name_that_is_no_tables_is_refused(serve: Serve, name: str) -> None:
    service, client = serve()
    answer = client.post("/data", params={"name": name}, content=PENGUINS)
    assert "has to end in .csv" in problem(answer, 422)
    assert files(service) == []


def test_errors_and_notes_have_the_name_of_the_file_and_no_path(serve: Serve) -> None:
    service, client = serve()
    bad = b"a,b\n1,2\n3,4,5\n6,7\n"
    detail = problem(client.post("/data", params={"name": "bad.csv"}, content=bad), 422)
    assert detail.startswith("bad.csv")
    assert str(service.folder) not in detail
    assert files(service) == []
    npz = io.BytesIO()
    np.savez(npz, X=np.zeros((30, 2)), y=np.arange(30) % 2)
    data_id = put(client, "points.npz", npz.getvalue())
    notes = client.get(f"/data/{data_id}").json()["facts"]["notes"]
    assert notes[0].startswith("points.npz: the arrays")


@pytest.mark.parametrize(
    "content", [b"", b"\0\1\2" * 100, b"PK\x03\x04rest", b"\x1f\x8bno gzip", b"a,b\n"]
)
def test_what_is_no_table_is_refused_and_leaves_nothing(serve: Serve, content: bytes) -> None:
    service, client = serve()
    for name in ("x.csv", "x.parquet", "x.npz"):
        answer = client.post("/data", params={"name": name}, content=content)
        assert problem(answer, 422).startswith("x.")
    assert files(service) == []
    assert client.get("/data").json() == []


def test_a_form_is_told_to_send_the_file_alone(serve: Serve) -> None:
    _, client = serve()
    answer = client.post("/data", params={"name": "x.csv"}, files={"file": PENGUINS})
    assert "curl --data-binary @FILE" in problem(answer, 415)


def zip_bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<f8", "fortran_order": False, "shape": (5_000_000,)}
        )
        archive.writestr("x.npy", header.getvalue() + bytes(40_000_000))
    return file.getvalue()


def lying_array() -> bytes:
    """An archive whose array says that it has more rows than any memory holds."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<f8", "fortran_order": False, "shape": (10**13,)}
        )
        archive.writestr("x.npy", header.getvalue() + bytes(80))
    return file.getvalue()


def parquet(rows: int) -> bytes:
    file = io.BytesIO()
    pd.DataFrame({"x": np.zeros(rows), "y": ["a"] * rows}).to_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.csv.gz", gzip.compress(b"1,2\n" * 5_000_000), "more than 10,000,000 bytes when it is"),
        ("x.csv", gzip.compress(b"1,2\n" * 5_000_000), "more than 10,000,000 bytes when it is"),
        ("x.npz", zip_bomb(), "more than 10,000,000 bytes when it is unpacked"),
        ("x.npz", lying_array(), "bytes of memory"),
        ("x.parquet", parquet(1_100), "has 1,100 rows, and the limit is 1,000"),
        ("x.csv", b"a\n" + b"1\n" * 1_100, "has 1,100 rows, and the limit is 1,000"),
    ],
    ids=["gzip", "gzip by another name", "zip", "a lie", "parquet rows", "text rows"],
)
def test_what_unpacks_to_too_much_is_refused(
    serve: Serve, name: str, content: bytes, reason: str
) -> None:
    service, client = serve(unpacked_bytes=10_000_000, rows=1_000)
    answer = client.post("/data", params={"name": name}, content=content)
    assert reason in problem(answer, 422)
    assert files(service) == []


def test_an_upload_over_the_limit_is_refused_before_and_while_it_comes(serve: Serve) -> None:
    service, client = serve(upload_bytes=100_000)
    too_much = b"a,b\n" + b"1,2\n" * 100_000
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        for start in range(0, len(too_much), 1000):
            taken += 1
            yield too_much[start : start + 1000]

    for content in (too_much, pieces()):
        answer = client.post("/data", params={"name": "x.csv"}, content=content)
        assert "more than 100,000 bytes, which is the limit" in problem(answer, 413)
    taken = 0
    with pytest.raises(ProblemError, match="100,000 bytes"):
        data_sets.upload(service, Caller("ada", "run"), "x.csv", pieces())
    assert taken == 101
    assert files(service) == []


def test_an_owner_has_a_quota_and_others_have_theirs(serve: Serve) -> None:
    service, client = serve(data_bytes=1_000, data_sets=2)
    first = put(client, "first.csv", PENGUINS)
    detail = problem(client.post("/data", params={"name": "b.csv"}, content=PENGUINS * 2), 413)
    assert "more than 1,000 bytes: delete some" in detail
    put(client, "second.csv", b"a,b\n1,2\n3,4\n")
    detail = problem(client.post("/data", params={"name": "c.csv"}, content=b"a\n1\n"), 413)
    assert "2 data sets, which is the limit" in detail
    put(client, "b.csv", PENGUINS, **by("bob"))
    assert client.delete(f"/data/{first}").status_code == 204
    put(client, "c.csv", b"a\n1\n")
    assert service.receiving["ada"] == 0


def test_uploads_under_way_count(serve: Serve) -> None:
    service, _ = serve(data_bytes=1_000)
    ada = Caller("ada", "run")
    with uploading.receiving(service, ada, "a.csv") as first:
        first.write(b"x" * 600)
        with (
            uploading.receiving(service, ada, "b.csv") as second,
            pytest.raises(ProblemError, match="1,000 bytes"),
        ):
            second.write(b"x" * 600)
        with uploading.receiving(service, Caller("bob", "run"), "b.csv") as other:
            other.write(b"x" * 600)
    assert files(service) == []
    assert not service.receiving.total()


def test_owners_who_upload_the_same_file_share_it(serve: Serve, any_storage: str) -> None:
    service, client = serve(any_storage)
    first = put(client, "penguins.csv", PENGUINS)
    assert put(client, "penguins.csv", PENGUINS) == first
    assert put(client, "penguins.csv", PENGUINS, **by("bob")) == first
    other = put(client, "Penguins.csv", PENGUINS)
    assert other != first
    assert len(client.get("/data").json()) == 2
    assert client.delete(f"/data/{first}").status_code == 204
    problem(client.get(f"/data/{first}"), 404)
    assert (service.data_folder / first / "penguins.csv").is_file()
    assert client.get(f"/data/{first}", headers=by("bob")).status_code == 200
    assert client.delete(f"/data/{first}", headers=by("bob")).status_code == 204
    assert files(service) == [other, f"{other}/Penguins.csv"]


def test_another_owners_data_set_looks_as_if_it_did_not_exist(serve: Serve) -> None:
    _, client = serve()
    mine = put(client, "penguins.csv", PENGUINS)
    for data_id in (mine, "0" * 16, "..", "%00", "x" * 10_000, "<script>"):
        path = f"/data/{data_id}" if data_id != ".." else "/data/%2e%2e"
        for answer in (
            client.get(path, headers=by("bob")),
            client.delete(path, headers=by("bob")),
        ):
            assert answer.status_code == 404, data_id
    assert client.get("/data", headers=by("bob")).json() == []
    problem(client.post("/data?name=a.csv", content=PENGUINS, headers=by("bob", "read")), 403)
    problem(client.delete(f"/data/{mine}", headers=by("ada", "read")), 403)
    assert [d["id"] for d in client.get("/data", headers=by("eve", "admin")).json()] == [mine]
    assert client.get(f"/data/{mine}", headers=by("eve", "admin")).json()["owner"] == "ada"


def test_data_that_a_search_uses_are_deleted_by_force_only(serve: Serve) -> None:
    service, client = serve()
    data_id = put(client, "penguins.csv", PENGUINS)
    plan = json.dumps({"source": f"{data_id}/penguins.csv", "target": "species"})
    with service.database.writing() as connection:
        for name, owner in (("first", "ada"), ("of bob", "bob")):
            connection.execute(
                sa.insert(searches).values(
                    name=name, owner=owner, shared=False, kind="network", plan=plan, created=now()
                )
            )
    answer = client.delete(f"/data/{data_id}")
    assert "the data of first:" in problem(answer, 409)
    assert answer.json()["searches"] == ["first"]
    assert client.get(f"/data/{data_id}").status_code == 200
    assert client.delete(f"/data/{data_id}", params={"force": True}).status_code == 204
    assert files(service) == []


def test_lists_come_page_by_page(serve: Serve) -> None:
    _, client = serve()
    ids = [put(client, f"{k}.csv", b"a,b\n1,2\n3,4\n") for k in range(5)]
    url: str | None = "/data?limit=2"
    listed: list[str] = []
    pages = 0
    while url is not None:
        answer = client.get(url.removeprefix("/api/v1"))
        listed += [one["id"] for one in answer.json()]
        url = answer.links.get("next", {}).get("url")
        pages += 1
    assert (sorted(listed), pages) == (sorted(ids), 3)
    problem(client.get("/data", params={"limit": 0}), 422)


def test_what_a_request_says_of_a_table_is_checked(serve: Serve) -> None:
    _, client = serve()
    data_id = put(client, "penguins.csv", PENGUINS)

    def refused(**query: str) -> str:
        return problem(client.get(f"/data/{data_id}", params=query), 422)

    assert "'speces'" in refused(target="speces")
    assert refused(target="species", source="/etc/passwd").endswith(
        "source: Extra inputs are not permitted"
    )
    assert "unknown" in refused(target="species", encoding="../x\0")
    assert "rows" in refused(target="species", rows="3")
    dropped = client.get(f"/data/{data_id}", params={"target": "species", "drop": ["island"]})
    assert [c["name"] for c in dropped.json()["facts"]["described"]] == ["bill"]


def test_a_full_disk_keeps_nothing_and_says_so(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, client = serve()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    answer = client.post("/data", params={"name": "a.csv"}, content=PENGUINS)
    assert "disk of the service is full" in problem(answer, 507)
    assert files(service) == []


class Killed(BaseException):
    """As if the server ended here."""


@pytest.mark.parametrize("instant", ["while it comes", "before the row", "after the row"])
def test_a_server_that_is_killed_leaves_no_half_upload(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, instant: str
) -> None:
    service, client = serve()
    ada = Caller("ada", "run")
    with monkeypatch.context() as killed:
        killed.setattr(shutil, "rmtree", lambda *_, **__: None)  # nobody tidies up

        def die(*_: object) -> None:
            raise Killed

        def chunks() -> Iterator[bytes]:
            yield PENGUINS
            if instant == "while it comes":
                raise Killed

        if instant == "before the row":
            killed.setattr(uploading.Arriving, "_check_quota", _later(die))
        if instant == "after the row":
            killed.setattr(uploading, "settle", _later(die))
        with pytest.raises(Killed):
            data_sets.upload(service, ada, "penguins.csv", chunks())
    assert files(service) != []
    data_files.tidy(service)
    listed = client.get("/data").json()
    if instant == "after the row":
        (one,) = listed
        assert (service.data_folder / one["id"] / "penguins.csv").read_bytes() == PENGUINS
        assert files(service) == [one["id"], f"{one['id']}/penguins.csv"]
    else:
        assert (listed, files(service)) == ([], [])
    put(client, "penguins.csv", PENGUINS)


def _later(die: Callable[..., None]) -> Callable[..., None]:
    """A function that dies when it is called for the second time."""
    calls = 0

    def call(*arguments: object) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            die(*arguments)

    return call


@pytest.mark.parametrize("instant", ["before the commit", "after the commit"])
def test_a_server_that_is_killed_while_it_deletes_has_the_file_or_has_not(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, instant: str
) -> None:
    service, client = serve()
    data_id = put(client, "penguins.csv", PENGUINS)
    place, moving = service.data_folder / data_id, service.data_folder / f".moving-{data_id}"
    place.rename(moving)
    if instant == "after the commit":
        with service.database.writing() as connection:
            connection.execute(sa.delete(table))
    data_files.tidy(service)
    kept = instant == "before the commit"
    assert files(service) == ([data_id, f"{data_id}/penguins.csv"] if kept else [])
    assert client.get(f"/data/{data_id}").status_code == (200 if kept else 404)


def test_what_is_in_a_file_is_short_among_the_facts(serve: Serve) -> None:
    _, client = serve()
    long = "y" * 50_000
    content = f"word,size\n{long},1\n{long},\nshort,2\n".encode()
    answer = client.get(f"/data/{put(client, 'long.csv', content)}")
    assert len(answer.content) < 5_000
