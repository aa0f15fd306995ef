"""Data sets: uploaded, understood, kept by their hash, listed, and deleted with the last of their owners."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import sqlalchemy as sa

from hpo.serve.caller import Caller
from hpo.serve.data import data_sets, uploading
from hpo.serve.tables import searches
from studies.database.engine import now
from tests.hpo.serve.data.uploads import PENGUINS, Serve, files, put
from tests.hpo.serve.in_process import by, problem


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


def test_what_is_in_a_file_is_short_among_the_facts(serve: Serve) -> None:
    _, client = serve()
    long = "y" * 50_000
    content = f"word,size\n{long},1\n{long},\nshort,2\n".encode()
    answer = client.get(f"/data/{put(client, 'long.csv', content)}")
    assert len(answer.content) < 5_000
