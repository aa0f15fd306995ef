"""What every answer has: an id, headers that protect, a problem document for what goes wrong, and its measures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families as parsed

from hpo.serve import tables
from hpo.serve.app import PREFIX, make_app
from hpo.serve.database import ServiceDatabase
from hpo.serve.http import bodies
from hpo.serve.http.routes import takes
from hpo.serve.problems import ProblemError
from hpo.serve.service import Service
from hpo.serve.settings import Limits, Settings
from tests.hpo.serve.in_process import problem
from tests.hpo.serve.rows import put

LIMITS = Limits(request_bytes=1_000, upload_bytes=5_000)


@pytest.fixture
def app(storage: str, tmp_path: Path) -> FastAPI:
    """A service with small limits and some routes of the tests."""
    made = make_app(Service(Settings(limits=LIMITS), ServiceDatabase(storage), tmp_path / "kept"))

    @made.get("/fault")
    def fail() -> None:
        raise RuntimeError("canary-internal")

    @made.get("/halfway")
    def half() -> StreamingResponse:
        def parts() -> Iterator[bytes]:
            yield b"a"
            raise RuntimeError("canary-internal")

        return StreamingResponse(parts())

    @made.get("/own-policy")
    def own() -> HTMLResponse:
        return HTMLResponse("", headers={"Content-Security-Policy": "default-src 'self'"})

    @made.post("/small")
    async def small(request: Request) -> int:
        return len(await request.body())

    @made.post("/large", openapi_extra=takes("upload_bytes"))
    async def large(request: Request) -> int:
        return sum([len(chunk) async for chunk in request.stream()])

    return made


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://127.0.0.1:8517", follow_redirects=False) as client:
        yield client


@pytest.mark.parametrize("path", ["/api/v1", "/health/live", "/sign-in", "/nowhere", "/fault", "/"])
def test_every_answer_has_an_id_and_headers_that_protect(path: str, client: TestClient) -> None:
    first, second = client.get(path), client.get(path)
    assert len({answer.headers["x-request-id"] for answer in (first, second)}) == 2
    policy = first.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self'" in policy
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["referrer-policy"] == "same-origin"
    assert "strict-transport-security" not in first.headers
    assert "server" not in first.headers


def test_a_route_may_have_a_policy_of_its_own(client: TestClient) -> None:
    assert client.get("/own-policy").headers.get_list("content-security-policy") == [
        "default-src 'self'"
    ]


def test_what_goes_wrong_is_a_problem_document(client: TestClient) -> None:
    problem(client.get("/nowhere"), 404)
    problem(client.get(f"{PREFIX}/nowhere"), 404)
    refused = client.delete(PREFIX)
    problem(refused, 405)
    assert refused.headers["allow"] == "GET"
    assert "limit" in problem(client.get(f"{PREFIX}/audit", params={"limit": "many"}), 422)
    problem(client.get(PREFIX, headers={"Host": "evil.example"}), 421)


def test_a_fault_says_its_id_and_nothing_else(
    client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = client.get("/fault")
    assert "canary" not in answer.text
    assert answer.headers["x-request-id"] in problem(answer, 500)
    assert answer.json()["request"] == answer.headers["x-request-id"]


def test_an_answer_that_fails_halfway_is_cut_off(client: TestClient) -> None:
    with pytest.raises(RuntimeError):
        client.get("/halfway")


def test_a_database_that_is_away_is_a_problem_without_its_address(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hpo.errors import ConnectionLostError

    def away(_: object) -> None:
        raise ConnectionLostError("postgresql://u:***@canary-host/d: gone")

    assert client.get("/health/ready").status_code == 200
    monkeypatch.setattr(ServiceDatabase, "reading", away)
    assert "canary" not in client.get("/health/ready").text
    problem(client.get("/health/ready"), 503)
    assert client.get("/health/live").status_code == 200
    monkeypatch.setattr("hpo.serve.tokens.FRESH_SECONDS", -1)
    problem(client.get(PREFIX), 503)


def test_it_is_not_ready_while_it_stops(client: TestClient, app: FastAPI) -> None:
    app.state.service.stopping.set()
    problem(client.get("/health/ready"), 503)


def pieces(count: int) -> Iterator[bytes]:
    """A body without a length."""
    for _ in range(count):
        yield b"x" * 100


@pytest.mark.parametrize(("path", "limit"), [("/small", 1_000), ("/large", 5_000)])
def test_a_body_has_at_most_the_bytes_that_its_route_takes(
    path: str, limit: int, client: TestClient
) -> None:
    assert client.post(path, content=b"x" * limit).json() == limit
    assert client.post(path, content=pieces(limit // 100)).json() == limit
    for body in (b"x" * (limit + 1), pieces(limit // 100 + 1)):
        answer = client.post(path, content=body)
        assert f"{limit:,}" in problem(answer, 413)
        assert answer.json()["limit"] == limit


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    monkeypatch.setattr(bodies, "SILENCE_SECONDS", 0.2)
    sent = [b"x" * 400, b"x" * 400]

    async def slow() -> dict[str, object]:
        if sent:
            return {"type": "http.request", "body": sent.pop(), "more_body": True}
        await asyncio.sleep(30)
        return {"type": "http.disconnect"}

    async def read() -> int:
        body = bodies._Body(slow, 10_000)
        while (await body.receive()).get("more_body"):
            pass
        return 0

    with pytest.raises(ProblemError) as refused:
        asyncio.run(asyncio.wait_for(read(), 5))
    assert refused.value.status == 408
    assert "800 bytes" in refused.value.detail


def measures(text: str) -> dict[tuple[str, ...], float]:
    """The samples, by name and labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in parsed(text)
        for sample in family.samples
    }


def test_measures_are_counted_by_route_and_read_from_the_tables(
    client: TestClient, app: FastAPI
) -> None:
    service: Service = app.state.service
    with service.database.writing() as connection:
        for state in ("queued", "queued", "done"):
            put(connection, tables.jobs, kind="search", state=state, search=state)
        put(connection, tables.tasks, search="s", task="in training", client="c")
        put(connection, tables.tasks, search="s", task="given up", client=None)
        put(connection, tables.tasks, search="s", task="ended", client="c", result="{}")
    for name in ("x", "y", "<script>"):
        client.get(f"{PREFIX}/searches/{name}")
    client.get("/nowhere/at/all")
    client.request("ODD", PREFIX)
    found = measures(client.get("/metrics").text)
    route = f"{PREFIX}/searches/{{name}}"
    assert found["hpo_requests_total", "GET", route, "404"] == 3
    assert found["hpo_requests_total", "GET", "(none)", "404"] == 1
    assert found["hpo_requests_total", "other", PREFIX, "405"] == 1
    assert found["hpo_request_seconds_count", route] == 3
    assert found["hpo_jobs", "search", "queued"] == 2
    assert found["hpo_jobs", "search", "done"] == 1
    assert found["hpo_tasks_in_training",] == 1
    assert found["process_resident_memory_bytes",] > 1e6


def test_prometheus_needs_a_token_as_everybody(
    client: TestClient, bearer: Callable[..., dict[str, str]]
) -> None:
    headers = bearer(scope="read")
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers=headers).status_code == 200


def test_the_openapi_document_says_how_to_come_in(app: FastAPI) -> None:
    document = app.openapi()
    schemes = document["components"]["securitySchemes"]
    assert [(s["type"], s["scheme"]) for s in schemes.values()] == [("http", "bearer")]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert bool(operation.get("security")) == (
                path.startswith(PREFIX) or path == "/metrics"
            ), path
    assert json.loads(json.dumps(document)) == document


def test_people_are_asked_to_sign_in_and_programs_are_told(
    client: TestClient, app: FastAPI, bearer: Callable[..., dict[str, str]]
) -> None:
    bearer()

    def page(_: Request, problem: ProblemError) -> Response:
        return HTMLResponse(f"<p>{problem.status}</p>", problem.status)

    app.state.error_page = page
    html = {"Accept": "text/html,*/*"}
    answer = client.get("/compare?studies=a", headers=html)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fcompare")
    assert client.get("/nowhere", headers=html).text == "<p>404</p>"
    problem(client.get(PREFIX, headers=html), 401)
    problem(client.get("/", headers={"Accept": "*/*"}), 401)
