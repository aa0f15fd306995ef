"""What must not come in: pages of other sites, names that are not ours, guesses at tokens, forms of others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from hpo.serve import attempts, tokens
from hpo.serve.app import PREFIX, make_app
from hpo.serve.attempts import Attempts, network
from hpo.serve.caller import Runs
from hpo.serve.database import ServiceDatabase
from hpo.serve.problems import ProblemError
from hpo.serve.service import Service
from hpo.serve.settings import Settings

HTML = {"Accept": "text/html"}
AUDIT = f"{PREFIX}/audit"


@pytest.fixture(scope="module")
def shared_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of a service for which no token is made, for requests that change nothing."""
    folder = tmp_path_factory.mktemp("shared")
    service = Service(Settings(), ServiceDatabase(f"sqlite:///{folder / 'study.db'}"), folder)
    with TestClient(
        make_app(service), base_url="http://127.0.0.1:8517", follow_redirects=False
    ) as client:
        yield client


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8517", "localhost:8517", "LOCALHOST", "localhost.", "[::1]:8517", "10.0.0.5"],
)  # fmt: skip
def test_an_address_or_a_name_of_its_own_comes_in(host: str, shared_client: TestClient) -> None:
    assert shared_client.get(PREFIX, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8517", "127.0.0.1.evil.example", "localhost.evil.example",
        "", "[", "0x7f.1", "a@localhost:b",
    ],
)  # fmt: skip
def test_a_name_that_is_not_ours_is_refused(host: str, shared_client: TestClient) -> None:
    answer = shared_client.get(PREFIX, headers={"Host": host})
    assert answer.status_code == 421
    assert answer.json()["status"] == 421


OTHER_SITES = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:9999"},
    {"Origin": "http://127.0.0.1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8517"},
]


@pytest.mark.parametrize("headers", OTHER_SITES, ids=str)
def test_a_page_of_another_site_changes_nothing(
    headers: dict[str, str], shared_client: TestClient
) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = shared_client.request(method, "/sign-out", headers=headers)
        assert answer.status_code == 403, method


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://127.0.0.1:8517"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8517"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
def test_its_own_pages_and_programs_may(headers: dict[str, str], shared_client: TestClient) -> None:
    assert shared_client.post("/sign-out", headers=headers).status_code == 303


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_whoever_comes_through_a_proxy_is_not_the_local_user(
    header: str, shared_client: TestClient
) -> None:
    assert shared_client.get(PREFIX, headers={header: "203.0.113.5"}).status_code == 403


def test_a_service_that_others_reach_has_no_local_user(storage: str, tmp_path: Path) -> None:
    database = ServiceDatabase(storage)
    service = Service(Settings(), database, tmp_path, local=False)
    with TestClient(make_app(service), base_url="http://127.0.0.1:8517") as client:
        assert client.get(PREFIX).status_code == 401


def test_wrong_tokens_are_slowed_down_and_right_ones_are_not(
    client: TestClient,
    bearer: Callable[..., dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = bearer()
    assert client.get(PREFIX, headers=right).status_code == 200
    wrong = {"Authorization": "Bearer hpo_" + "B" * 43}
    statuses = [client.get(PREFIX, headers=wrong).status_code for _ in range(12)]
    assert statuses == [401] * attempts.ATTEMPTS + [429] * 2
    answer = client.get(PREFIX, headers=wrong)
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    monkeypatch.setattr("hpo.serve.tokens.FRESH_SECONDS", 0.0)
    assert client.get(PREFIX, headers=right).status_code == 200  # it was right a moment ago
    form = client.post("/sign-in", data={"token": "hpo_" + "B" * 43})
    assert form.status_code == 429
    assert form.headers["retry-after"]


def test_attempts_leak_away_and_their_memory_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    counted = Attempts(lambda: clock[0])
    for _ in range(attempts.ATTEMPTS):
        counted.check("10.0.0.1")
        counted.count("10.0.0.1")
    with pytest.raises(ProblemError) as refused:
        counted.check("10.0.0.1")
    assert refused.value.status == 429
    counted.check("10.0.0.2")
    clock[0] += int((refused.value.headers or {})["Retry-After"])
    counted.check("10.0.0.1")
    monkeypatch.setattr(attempts, "ADDRESSES", 50)
    for number in range(1000):
        counted.count(f"10.1.{number // 250}.{number % 250}")
    assert len(counted._levels) <= 50


def test_an_ipv6_network_counts_as_one() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff") != network("2001:db8:0:1::1")
    assert network("10.0.0.1") == "10.0.0.1"


def signed_in(client: TestClient, text: str) -> str:
    """Sign in; returns what forms have to carry."""
    answer = client.post("/sign-in", data={"token": text, "next": "/sign-in"}, headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    (csrf,) = set(re.findall(r'name="csrf" value="(\w+)"', client.get("/sign-in").text))
    assert len(csrf) == 64
    return str(csrf)


def test_a_browser_signs_in_once_and_out_again(
    client: TestClient, token: Callable[..., str]
) -> None:
    text = token(scope="admin")
    csrf = signed_in(client, text)
    assert client.get(PREFIX).json()["owner"] == "ada"
    cookie = client.cookies["hpo-8517"]
    assert client.post("/sign-out").status_code == 403  # without the form's text
    assert client.post("/sign-out", data={"csrf": "0" * 64}).status_code == 403
    assert client.post("/sign-out", data={"csrf": csrf}).status_code == 303
    assert client.get(PREFIX).status_code == 401
    client.cookies.set("hpo-8517", cookie, domain="127.0.0.1")  # the session is over, too
    assert client.get(PREFIX).status_code == 401


def test_the_cookie_is_for_this_service_and_not_for_scripts(
    app: FastAPI, client: TestClient, token: Callable[..., str]
) -> None:
    text = token()
    cookie = client.post("/sign-in", data={"token": text}).headers["set-cookie"]
    for word in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age="):
        assert word in cookie
    assert "Secure" not in cookie
    assert text not in cookie
    with TestClient(app, base_url="https://localhost:8517", follow_redirects=False) as on_tls:
        answer = on_tls.post("/sign-in", data={"token": text})
        assert answer.headers["set-cookie"].startswith("__Host-hpo=")
        assert "Secure" in answer.headers["set-cookie"]
        assert answer.headers["strict-transport-security"]


def test_what_changes_something_in_a_session_carries_its_secret(
    app: FastAPI, client: TestClient, token: Callable[..., str]
) -> None:
    @app.post("/made-for-this-test")
    def change(caller: Runs) -> str:
        return caller.owner

    csrf = signed_in(client, token())
    place = "/made-for-this-test"
    assert client.post(place).status_code == 403
    assert client.post(place, json={"csrf": csrf}).status_code == 403
    assert client.post(place, headers={"X-CSRF-Token": "0" * 64}).status_code == 403
    assert client.post(place, headers={"X-CSRF-Token": b"\xfc"}).status_code == 403
    assert client.post(place, data={"csrf": csrf[:-1]}).status_code == 403
    assert client.post(place, headers={"X-CSRF-Token": csrf}).text == '"ada"'
    assert client.post(place, data={"csrf": csrf}).status_code == 200
    files = {"table": ("t.csv", b"a,b\n1,2\n")}
    assert client.post(place, data={"csrf": csrf}, files=files).status_code == 200
    assert client.post(place, files=files).status_code == 403


@pytest.mark.parametrize(
    ("place", "goes"),
    [
        ("/searches/x", "/searches/x"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nX: 1", "/"),
        ("", "/"),
    ],
)
def test_signing_in_leads_to_a_page_of_this_service(
    place: str, goes: str, client: TestClient, token: Callable[..., str]
) -> None:
    answer = client.post("/sign-in", data={"token": token(), "next": place})
    assert answer.headers["location"] == goes


def test_a_wrong_token_does_not_sign_in_and_is_not_shown_again(
    client: TestClient, token: Callable[..., str]
) -> None:
    token()
    answer = client.post("/sign-in", data={"token": '"><script>hpo_x'}, headers=HTML)
    assert answer.status_code == 403
    assert "<script>" not in answer.text
    assert "hpo_x" not in answer.text
    assert 'role="alert"' in answer.text
    assert not client.cookies


def test_a_token_that_is_wrong_is_not_replaced_by_a_session(
    client: TestClient, token: Callable[..., str]
) -> None:
    signed_in(client, token())
    assert client.get(PREFIX).status_code == 200
    wrong = {"Authorization": "Bearer hpo_" + "C" * 43}
    assert client.get(PREFIX, headers=wrong).status_code == 401


def test_what_changes_or_tries_to_is_in_the_audit_log(client: TestClient, service: Service) -> None:
    text = tokens.create(service.database, "laptop", owner="ada", scope="admin")
    headers = {"Authorization": f"Bearer {text}"}
    one = client.post("/sign-out", headers=headers)
    two = client.delete(f"{PREFIX}/{'x' * 10_000}?secret=1")
    client.get(PREFIX, headers=headers)
    first = client.get(AUDIT, params={"limit": 1}, headers=headers).json()
    (newest,) = first["entries"]
    assert newest["action"].startswith(f"DELETE {PREFIX}/xxx")
    assert "secret" not in newest["action"]
    assert (newest["owner"], newest["token"], newest["status"]) == ("", None, 404)
    assert newest["request"] == two.headers["x-request-id"]
    rest = client.get(AUDIT, params={"before": first["next"]}, headers=headers).json()
    (oldest,) = rest["entries"]
    assert (oldest["owner"], oldest["token"], oldest["action"], oldest["status"]) == (
        "ada", "laptop", "POST /sign-out", 303,
    )  # fmt: skip
    assert oldest["request"] == one.headers["x-request-id"]
    assert rest["next"] is None
    assert not client.get(AUDIT, params={"owner": "eve"}, headers=headers).json()["entries"]
