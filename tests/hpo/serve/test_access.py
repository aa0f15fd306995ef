"""Every route of the service, whoever adds it, is closed to those who have no business there.

The routes come from the application, so nobody has to list a new one here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.params import Form
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from hpo.serve import tables, tokens
from hpo.serve.app import PREFIX
from hpo.serve.caller import SAFE, SCOPES
from hpo.serve.http.routes import NO_ROUTE, Route, all_of
from hpo.serve.service import Service
from tests.hpo.serve.rows import put

FOR_EVERYBODY = {
    "/sign-in",
    "/sign-out",
    "/health/live",
    "/health/ready",
    f"{PREFIX}/openapi.json",
}
ONLY_ANSWERS = ("/predictions", "/predict")  # with a table that is sent, and changes nothing
STATIC = "/static"  # a folder of files that come with the program
MARK = {"Accept": "application/json"}
Headers = Callable[..., dict[str, str]]


def closed(app: FastAPI) -> list[tuple[str, str, Route]]:
    """The method, path and needs of each route that is not for everybody."""
    return [
        (method, path, route)
        for method, path, route in all_of(app)
        if path not in FOR_EVERYBODY and not path.startswith(STATIC)
    ]


def address(path: str, values: dict[str, str] | None = None) -> str:
    """A path without placeholders."""
    return re.sub(r"{(\w+)[^}]*}", lambda name: (values or {}).get(name[1], "1"), path)


def test_every_route_says_whom_it_is_for(app: FastAPI) -> None:
    routes = closed(app)
    assert len(routes) >= 3
    assert [(m, path) for m, path, route in routes if route.needs is None] == []


def test_what_changes_something_needs_more_than_to_read(app: FastAPI) -> None:
    for method, path, route in closed(app):
        assert route.needs is not None
        if method not in ("GET", "HEAD") and not path.endswith(ONLY_ANSWERS):
            assert route.needs.scope != "read", (method, path)


def test_every_limit_that_a_route_names_is_one_of_the_settings(
    app: FastAPI, service: Service
) -> None:
    for _, _, route in all_of(app):
        assert getattr(service.settings.limits, route.limit) > 0


def refused(client: TestClient, app: FastAPI, headers: dict[str, str], status: int) -> int:
    """Check that each route refuses such a request, in the form for its readers; returns how many."""
    routes = closed(app)
    for method, path, _ in routes:
        answer = client.request(method, address(path), headers=MARK | headers)
        assert answer.status_code == status, (method, path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-request-id"]
        if status == 401:
            assert answer.headers["www-authenticate"].startswith("Bearer")
    return len(routes)


def test_without_a_token_every_route_is_closed(
    client: TestClient, app: FastAPI, bearer: Headers
) -> None:
    bearer()
    assert refused(client, app, {}, 401)


@pytest.mark.parametrize(
    "header",
    [
        "Bearer hpo_" + "A" * 43,
        "Bearer ",
        "",
        "Basic YWRhOmFkYQ==",
        "Bearer " + "x" * 5_000,
        "bearer",
    ],
)
def test_with_a_wrong_token_every_route_is_closed(
    header: str,
    client: TestClient,
    app: FastAPI,
    bearer: Headers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hpo.serve.attempts.ATTEMPTS", 10_000)
    bearer()
    assert refused(client, app, {"Authorization": header}, 401)


def test_a_right_token_of_another_kind_is_a_wrong_token(
    client: TestClient, app: FastAPI, token: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpo.serve.attempts.ATTEMPTS", 10_000)
    text = token(scope="admin")
    assert refused(client, app, {"Authorization": f"Basic {text}"}, 401)
    assert refused(client, app, {"Authorization": text}, 401)


def test_with_an_expired_or_revoked_token_every_route_is_closed(
    client: TestClient, app: FastAPI, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpo.serve.attempts.ATTEMPTS", 10_000)
    expired = tokens.create(
        service.database, "old", owner="ada", scope="admin", lifetime=timedelta(microseconds=1)
    )
    revoked = tokens.create(service.database, "lost", owner="ada", scope="admin")
    tokens.revoke(service.database, "lost")
    for text in (expired, revoked):
        assert refused(client, app, {"Authorization": f"Bearer {text}"}, 401)


@pytest.mark.parametrize("scope", SCOPES)
def test_with_too_small_a_scope_a_route_is_closed(
    scope: Any, client: TestClient, app: FastAPI, bearer: Headers
) -> None:
    headers = MARK | bearer(scope=scope)
    for method, path, route in closed(app):
        assert route.needs is not None
        if SCOPES.index(route.needs.scope) > SCOPES.index(scope):
            answer = client.request(method, address(path), headers=headers)
            assert answer.status_code == 403, (method, path)
            assert route.needs.scope in answer.json()["detail"]


def test_in_a_browsers_session_every_change_wants_the_secret_of_the_form(
    client: TestClient, app: FastAPI, token: Callable[..., str]
) -> None:
    client.post("/sign-in", data={"token": token(scope="admin")})
    assert client.get(PREFIX).json()["owner"] == "ada"
    for method, path, _ in closed(app):
        if method in SAFE:
            continue
        for form in ({}, {"csrf": "0" * 64}):
            answer = client.request(method, address(path), headers=MARK, data=form)
            assert answer.status_code == 403, (method, path, answer.text)
            assert "session" in answer.json()["detail"]


def test_another_owners_things_look_as_if_they_did_not_exist(
    client: TestClient, app: FastAPI, service: Service, bearer: Headers
) -> None:
    theirs, mine = bearer("eve", "run"), bearer("ada", "run")
    values = seeded(service, "ada")
    for method, path, route in closed(app):
        if "{" not in path or route.needs is None or route.needs.scope == "admin":
            continue
        absent = dict.fromkeys(values, "1")
        answer, same = (
            client.request(
                method,
                address(path, names),
                headers=MARK | theirs,
                params=query_of(app, method, path),
                json=body_of(app, method, path),
                data=form_of(app, method, path),
            )
            for names in (values, absent)
        )
        assert (answer.status_code, same.status_code) == (404, 404), (method, path, answer.text)
        assert "ada" not in answer.text
    assert client.get(PREFIX, headers=mine).status_code == 200


def operation(app: FastAPI, method: str, path: str) -> dict[str, Any]:
    """A route's part of the OpenAPI document; empty for a page."""
    part: dict[str, Any] = app.openapi()["paths"].get(path, {}).get(method.lower(), {})
    return part


def query_of(app: FastAPI, method: str, path: str) -> dict[str, Any]:
    """The parameters that a route has to have in the query."""
    return {
        parameter["name"]: smallest(parameter["schema"], {})
        for parameter in operation(app, method, path).get("parameters", ())
        if parameter["in"] == "query" and parameter["required"]
    }


def form_of(app: FastAPI, method: str, path: str) -> dict[str, str]:
    """The fields that the form of a page has to have."""
    (context,) = (
        context
        for context in iter_route_contexts(app.routes)
        if context.path == path and method in (context.methods or ())
    )
    if not isinstance(getattr(context.body_field, "field_info", None), Form):
        return {}
    return {
        field.alias: "1"
        for field in context.dependant.body_params
        if field.field_info.is_required()
    }


def body_of(app: FastAPI, method: str, path: str) -> Any:
    """The smallest body that a route takes; None if it takes none."""
    content = operation(app, method, path).get("requestBody", {}).get("content", {})
    if "application/json" not in content:
        return None
    known = app.openapi()["components"]["schemas"]
    return smallest(content["application/json"]["schema"], known)


def smallest(schema: dict[str, Any], known: dict[str, Any]) -> Any:
    """A value that a schema takes."""
    if "$ref" in schema:
        return smallest(known[schema["$ref"].rpartition("/")[2]], known)
    for key in ("anyOf", "allOf", "oneOf"):
        if key in schema:
            return smallest(schema[key][0], known)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if schema["type"] == "object":
        properties = schema.get("properties", {})
        needed = {name: smallest(properties[name], known) for name in schema.get("required", ())}
        others = range(len(needed), schema.get("minProperties", 0))
        return needed | {f"x{n}": smallest(schema["additionalProperties"], known) for n in others}
    if schema["type"] == "array":
        return [smallest(schema["items"], known) for _ in range(schema.get("minItems", 0))]
    values = {"string": "x", "integer": 1, "number": 1.0, "boolean": True, "null": None}
    return values[schema["type"]]


def seeded(service: Service, owner: str) -> dict[str, str]:
    """A search, a data set and a model of an owner's; returns what stands for them in paths."""
    data_id, model_id = "ab" * 8, "cd" * 8
    with service.database.writing() as connection:
        put(connection, tables.searches, name="mine", owner=owner, plan="{}", kind="remote")
        put(connection, tables.data_sets, data_id=data_id, owner=owner, name="t.csv", facts="{}")
        put(connection, tables.models, model_id=model_id, owner=owner, search="mine")
    return {
        "name": "mine", "search": "mine", "id": data_id, "data_id": data_id, "data": data_id,
        "model_id": model_id, "model": model_id,
    }  # fmt: skip


HARMLESS = [
    "../x", "..%2f..%2fetc%2fpasswd", "<script>alert(1)</script>", "%00", "%ff%fe", "'; DROP TABLE x; --",
    "~0", "~99999999999999999999", "🦊", "a%0d%0aX-Injected: 1", "x" * 10_000,
]  # fmt: skip


def test_odd_names_in_paths_are_harmless(client: TestClient, app: FastAPI, bearer: Headers) -> None:
    headers = MARK | bearer(scope="admin")
    for name in HARMLESS:
        for method, path, _ in all_of(app):
            if "{" in path:
                answer = client.request(
                    method, re.sub(r"{[^}]*}", name.replace("\\", "/"), path), headers=headers
                )
                assert answer.status_code < 500, (method, path, answer.text)
                assert "x-injected" not in answer.headers
        answer = client.get(f"{PREFIX}/{name}", headers=headers)
        assert answer.status_code in (404, 405), name
        assert "<script>" not in answer.text or "json" in answer.headers["content-type"]


def test_a_caller_without_a_token_is_the_local_user_until_one_is_made(
    client: TestClient, token: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPO_USER", "grace")
    assert client.get(PREFIX).json() | {"owner": "grace", "scope": "admin"} == (
        client.get(PREFIX).json()
    )
    text = token(owner="ada", scope="read")
    monkeypatch.setattr("hpo.serve.tokens.FRESH_SECONDS", 0.0)
    assert client.get(PREFIX).status_code == 401
    answer = client.get(PREFIX, headers={"Authorization": f"Bearer {text}"})
    assert (answer.json()["owner"], answer.json()["scope"]) == ("ada", "read")
    assert answer.status_code == 200


def test_routes_are_recognized_by_their_templates(app: FastAPI) -> None:
    from hpo.serve.http.routes import Routes

    routes = Routes()
    scope = {"app": app, "path": PREFIX, "method": "GET"}
    assert routes.of(scope).path == PREFIX
    assert routes.of(scope | {"method": "DELETE"}) == Route(PREFIX)
    assert routes.of(scope | {"path": "/nowhere"}) == NO_ROUTE
    for context in iter_route_contexts(app.routes):
        path = address(context.path or "", {"path": "x"})
        method = min(context.methods or {"GET"})
        assert routes.of(scope | {"path": path, "method": method}) != NO_ROUTE, path
