"""Searches over HTTP: what is refused before anything is written, who sees which, and what is shown of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

import hpo
import studies
from hpo.serve.pool import Pool
from hpo.serve.service import Service
from hpo.serve.tables import jobs, searches
from tests.hpo.serve.in_process import by, problem, serving
from tests.hpo.serve.jobs_here import SHORT, THINGS, Lasting, create, run_here, run_job, service_of


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """Two processes."""
    opened = Lasting(tmp_path_factory.mktemp("pool"))
    yield opened
    Pool.close(opened)


@pytest.fixture
def service(tmp_path: Path, storage: str, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service whose jobs a test runs itself."""
    return service_of(tmp_path, storage, pool, monkeypatch)


@pytest.fixture
def client(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A client of it, of ada's."""
    with serving(service, monkeypatch) as opened:
        yield opened


@pytest.fixture
def data(client: httpx.Client) -> str:
    """The id of ada's table."""
    answer = client.post("/data", params={"name": "things.csv"}, content=THINGS)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def written(service: Service) -> int:
    """How many rows of searches and jobs there are."""
    with service.database.reading() as connection:
        return sum(
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (searches, jobs)
        )


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"plan": {"trainer": "os:system"}, "data": "iris"}, "trainer"),
        ({"plan": {"program": "rm -rf {x}"}, "data": "iris"}, "program"),
        ({"plan": {"source": "/etc/passwd"}}, "/etc/passwd"),
        ({"plan": {"source": "openml:iris"}}, "openml:iris"),
        ({"plan": {"source": "mnist:/tmp"}}, "mnist:/tmp"),
        ({"plan": {"source": "memory:y"}}, "memory:y"),
        ({"plan": {"source": "https://example.org/x.csv"}}, "https://example.org/x.csv"),
        ({"data": "../secret.csv"}, "../secret.csv"),
        ({"data": "things.csv/../../x"}, "things.csv/../../x"),
        ({}, "digits"),
        ({"data": "iris", "plan": {"source": "iris"}}, "iris"),
        ({"data": "iris", "plan": {"trails": 5}}, "trials"),
        ({"data": "iris", "plan": {"trials": 201}}, "201"),
        ({"data": "iris", "plan": {"epochs": 21}}, "epochs: 21"),
        ({"data": "iris", "plan": {"timeout": "1h"}}, "timeout: 3600"),
        ({"data": "iris", "plan": {"timeout": None}}, "timeout"),
        ({"data": "iris", "plan": {"understanding": 1}}, "understanding"),
        ({"data": "digits"}, "1,797 rows"),
        ({"data": "iris", "plan": {"target": "x"}}, "target"),
        ({"data": "iris", "plan": {"metric": "rmse"}}, "rmse"),
        ({"data": "iris", "plan": {"space": {"speed": "1:2"}}}, "speed"),
        ({"data": "iris", "name": "../x"}, "../x"),
        ({"data": "iris", "name": "<script>"}, "<script>"),
        ({"data": "iris", "name": ""}, "name"),
        ({"data": "iris", "name": "a" * 101}, "name"),
        ({"data": "iris", "nam": "x"}, "nam"),
        ({"data": "iris", "plan": []}, "plan"),
        ({"data": "iris", "kind": "local"}, "kind"),
    ],
)
def test_what_a_search_may_not_ask_for_is_named_and_nothing_is_written(
    fields: dict[str, Any], names: str, client: httpx.Client, service: Service
) -> None:
    assert names in problem(create(client, **fields), 422)
    assert written(service) == 0


@pytest.mark.parametrize(
    ("plan", "names"),
    [
        ({"target": "kinds"}, "'kind'"),
        ({}, "size, colour, kind"),
        ({"target": "kind", "group": "no"}, "no"),
    ],
)
def test_columns_are_compared_with_the_data_before_a_search_is_accepted(
    plan: dict[str, Any], names: str, client: httpx.Client, service: Service, data: str
) -> None:
    assert names in problem(create(client, data=data, plan=plan), 422)
    assert written(service) == 0


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "application/json"), (b'{"plan": NaN}', "application/json"), (b"\xff", "application/json"),
        (b"[" * 100_000, "application/json"), (b'{"name": "\\ud800"}', "application/json"),
        (b"a = ", "application/toml"), (b"a = " + b"[" * 100_000, "application/toml"),
    ],
)  # fmt: skip
def test_bodies_that_can_not_be_read_are_problems(
    body: bytes, kind: str, client: httpx.Client
) -> None:
    problem(client.post("/searches", content=body, headers={"Content-Type": kind}), 400)


def test_a_body_that_is_too_long_is_not_read(client: httpx.Client) -> None:
    problem(client.post("/searches", content=b" " * 1_000_001), 413)


def test_a_search_runs_and_equals_the_same_plan_at_home(
    client: httpx.Client, service: Service, data: str, tmp_path: Path, tables: Any
) -> None:
    plan = {**SHORT, "target": "kind", "seed": 3}
    answer = create(client, data="things.csv", plan=plan)
    assert answer.status_code == 201
    new = answer.json()
    assert (new["name"], new["state"], new["owner"]) == ("things", "queued", "ada")
    assert new["plan"]["timeout"] == 600
    run_job(service)
    done = client.get("/searches/things").json()
    assert (done["state"], done["progress"]) == ("done", {"done": 6, "planned": 6})
    assert done["summary"]["best"]["value"] == done["best"]["value"]
    assert done["recommended"] is not None
    assert str(tmp_path) not in json.dumps(done)
    (tmp_path / "things.csv").write_bytes(THINGS)
    home = f"sqlite:///{tmp_path / 'home.db'}"
    hpo.search(str(tmp_path / "things.csv"), **plan, storage=home, name="things")
    assert tables("things", service.database.url) == tables("things", home)
    assert studies.load("things", service.database.url).read().record.owner == "ada"


def test_a_search_is_created_from_a_toml_plan(client: httpx.Client) -> None:
    body = 'source = "iris"\ntrials = 9\n[space]\nlearning_rate = "1e-3:1:log"\n'
    answer = client.post(
        "/searches", params={"name": "mine"}, content=body,
        headers={"Content-Type": "application/toml"},
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    plan = answer.json()["plan"]
    assert (plan["source"], plan["trials"], plan["space"]["learning_rate"]["low"]) == (
        "iris",
        9,
        1e-3,
    )


def test_names_are_numbered_by_default_and_refused_where_they_are_taken(
    client: httpx.Client, service: Service
) -> None:
    hpo.search("iris", **SHORT, storage=service.database.url, name="iris-2")
    names = [create(client, data="iris").json()["name"] for _ in range(2)]
    assert names == ["iris", "iris-3"]
    for name in ("iris", "iris-2"):
        assert repr(name) in problem(create(client, data="wine", name=name), 409)


def test_an_owner_has_no_more_searches_than_the_limits_say(
    client: httpx.Client, service: Service
) -> None:
    for k in range(3):
        assert create(client, data="iris", name=f"s{k}").status_code == 201
    assert "3" in problem(create(client, data="iris"), 429)
    assert create(client, "bob", data="iris").status_code == 201
    client.post("/searches/s0/cancel")
    assert create(client, data="iris", name="s3").status_code == 201
    client.post("/searches/s1/cancel")
    assert "4" in problem(create(client, data="iris"), 429)
    assert written(service) == 10


def test_another_owners_search_looks_as_if_it_did_not_exist_until_it_is_shared(
    client: httpx.Client,
) -> None:
    create(client, data="iris", name="hers")
    missing = problem(client.get("/searches/none", headers=by("bob")), 404)
    assert problem(client.get("/searches/hers", headers=by("bob")), 404) == missing.replace(
        "none", "hers"
    )
    assert client.get("/searches", headers=by("bob")).json() == {"searches": [], "total": 0}
    client.post("/searches/hers/share", json={"shared": True})
    assert client.get("/searches/hers", headers=by("bob")).json()["shared"]
    for action in ("pause", "resume", "cancel", "share"):
        problem(client.post(f"/searches/hers/{action}", headers=by("bob")), 404)
    problem(client.delete("/searches/hers", headers=by("bob")), 404)
    assert client.get("/searches/hers", headers=by("eve", "admin")).status_code == 200


def test_lists_are_filtered_and_paged(client: httpx.Client) -> None:
    for name in ("a", "b", "c"):
        create(client, data="iris", name=name)
    client.post("/searches/b/cancel")
    create(client, "bob", data="iris", name="d")

    def names(who: str = "ada", scope: str = "run", **query: Any) -> tuple[list[str], int]:
        answer = client.get("/searches", params=query, headers=by(who, scope)).json()
        return [one["name"] for one in answer["searches"]], answer["total"]

    assert names() == (["c", "b", "a"], 3)
    assert names(limit=1, offset=1) == (["b"], 3)
    assert names(state="cancelled") == (["b"], 1)
    assert names("eve", "admin") == (["d", "c", "b", "a"], 4)
    assert names("eve", "admin", owner="bob") == (["d"], 1)
    problem(client.get("/searches", params={"state": "lost"}), 422)


def test_studies_of_commands_are_there_for_admins_only(
    client: httpx.Client, service: Service
) -> None:
    hpo.search("iris", **SHORT, storage=service.database.url, name="by hand/%")
    problem(client.get("/searches/~1"), 404)
    (one,) = client.get("/searches", headers=by("eve", "admin")).json()["searches"]
    assert (one["name"], one["path"], one["kind"], one["state"]) == (
        "by hand/%",
        "~1",
        "study",
        "done",
    )
    shown = client.get("/searches/~1", headers=by("eve", "admin")).json()
    assert shown["summary"]["study"] == "by hand/%"
    assert client.delete("/searches/~1", headers=by("eve", "admin")).status_code == 204
    assert studies.names(service.database.url) == []


def test_a_search_in_the_queue_pauses_goes_on_and_ends(client: httpx.Client) -> None:
    create(client, data="iris", name="s")
    actions = ("pause", "pause", "resume", "resume", "cancel", "cancel")
    states = [client.post(f"/searches/s/{action}").json()["state"] for action in actions]
    assert states == ["paused", "paused", "queued", "queued", "cancelled", "cancelled"]
    assert "cancelled" in problem(client.post("/searches/s/resume"), 409)
    assert "cancelled" in problem(client.post("/searches/s/pause"), 409)


def test_a_search_that_is_done_goes_on_with_more_trials_only(
    client: httpx.Client, service: Service
) -> None:
    create(client, data="iris", name="s", plan=SHORT)
    run_here(service)
    assert "done" in problem(client.post("/searches/s/resume"), 409)
    assert "done" in problem(client.post("/searches/s/resume", json={"trials": 6}), 409)
    assert "200" in problem(client.post("/searches/s/resume", json={"trials": 201}), 422)
    assert "seed" in problem(client.post("/searches/s/resume", json={"seed": 3}), 422)
    assert "timeout" in problem(client.post("/searches/s/resume", json={"timeout": None}), 422)
    problem(client.post("/searches/s/cancel"), 409)
    assert client.post("/searches/s/resume", json={"trials": 9}).json()["state"] == "queued"
    run_here(service)
    done = client.get("/searches/s").json()
    assert (done["state"], done["progress"]) == ("done", {"done": 9, "planned": 9})


def test_a_search_is_deleted_with_its_study_and_its_name_is_free(
    client: httpx.Client, service: Service
) -> None:
    create(client, data="iris", name="s", plan=SHORT)
    run_here(service)
    with service.database.writing() as connection:
        connection.execute(sa.update(jobs).values(state="running"))
    assert "running" in problem(client.delete("/searches/s"), 409)
    with service.database.writing() as connection:
        connection.execute(sa.update(jobs).values(state="done"))
    assert client.delete("/searches/s").status_code == 204
    assert studies.names(service.database.url) == []
    assert written(service) == 0
    assert create(client, data="iris", name="s").status_code == 201


def test_a_search_all_of_whose_trials_fail_says_so(client: httpx.Client, service: Service) -> None:
    plan = {**SHORT, "space": {"learning_rate": "1e20:1e30:log"}, "extend": False}
    create(client, data="iris", name="s", plan=plan)
    run_here(service)
    failed = client.get("/searches/s").json()
    assert failed["state"] == "failed"
    assert "no trial" in failed["reason"]


def test_a_study_of_that_name_begun_elsewhere_is_not_gone_on_with(
    client: httpx.Client, service: Service, tables: Any
) -> None:
    create(client, data="iris", name="s", plan=SHORT)
    hpo.search("iris", **SHORT, seed=9, storage=service.database.url, name="s")
    before = tables("s", service.database.url)
    run_here(service)
    failed = client.get("/searches/s").json()
    assert failed["state"] == "failed"
    assert "elsewhere" in failed["reason"]
    assert tables("s", service.database.url) == before


def test_on_a_postgresql_server_searches_are_the_same(
    postgres_storage: str, tmp_path: Path, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = service_of(tmp_path, postgres_storage, pool, monkeypatch)
    with serving(service, monkeypatch) as client:
        for name in ("s", "t"):
            assert create(client, name=name, data="iris", plan=SHORT).status_code == 201
        assert run_here(service) == "done"
        hpo.search("iris", **SHORT, storage=postgres_storage, name="by hand")
        everything = client.get("/searches", headers=by("eve", "admin")).json()["searches"]
        states = {one["name"]: (one["state"], one["progress"]["done"]) for one in everything}
        assert states == {"s": ("done", 6), "t": ("queued", 0), "by hand": ("done", 6)}
        assert client.get("/searches/s").json()["recommended"] is not None
        for action, state in (("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled")):
            assert client.post(f"/searches/t/{action}").json()["state"] == state
        problem(create(client, name="by hand", data="iris"), 409)
        problem(create(client, data="a\0"), 422)
        assert client.get("/searches", params={"owner": "a\0"}).json()["total"] == 0
        problem(client.get("/searches/a%00"), 404)
        assert client.delete("/searches/s").status_code == 204
        assert client.get("/searches").json()["total"] == 1


@pytest.mark.slow
def test_a_search_that_takes_too_much_memory_fails_alone(
    client: httpx.Client, service: Service
) -> None:
    plan = {**SHORT, "hidden": [100_000, 100_000], "trials": 3}
    create(client, data="iris", name="s", plan=plan)
    run_job(service)
    failed = client.get("/searches/s").json()
    assert failed["state"] == "failed"
    assert "memory" in failed["reason"]
