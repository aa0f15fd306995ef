"""Pages of somebody who has signed in: each form carries the session's secret, and nothing is changed without it."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest

HTML = {"Accept": "text/html"}
ROWS = "\n".join(["size,kind", *(f"{i % 7 + 10 * (i % 2)},{'ab'[i % 2]}" for i in range(60))])


@pytest.fixture
def browser(client: httpx.Client, token: Callable[..., str]) -> httpx.Client:
    """A client that asks as a browser does and has signed in."""
    client.headers.update(HTML)
    assert client.post("/sign-in", data={"token": token()}).headers["location"] == "/"
    return client


def forms(page: httpx.Response) -> list[tuple[str, str]]:
    """The address of each form that changes something, and the secret that it carries."""
    assert page.status_code == 200, page.text
    found = re.findall(r'<form method="post" action="(.*?)".*?</form>', page.text, re.S)
    secrets = re.findall(
        r'<form method="post"[^>]*>\s*<input type="hidden" name="csrf" value="(\w{64})">', page.text
    )
    assert len(secrets) == len(found)
    return list(zip(found, secrets, strict=True))


def test_who_has_no_session_is_asked_to_sign_in_and_comes_back(
    client: httpx.Client, token: Callable[..., str]
) -> None:
    text = token()
    sent_away = client.get("/data", headers=HTML)
    assert sent_away.headers["location"] == "/sign-in?next=%2Fdata"
    form = client.get(sent_away.headers["location"], headers=HTML)
    assert 'name="next" value="/data"' in form.text
    wrong = client.post("/sign-in", data={"token": "hpo_wrong"}, headers=HTML)
    assert wrong.status_code == 403
    assert re.search(r'role="alert" id="problem">This token is wrong', wrong.text)
    back = client.post("/sign-in", data={"token": text, "next": "/data"})
    assert back.headers["location"] == "/data"
    assert ">Sign out<" in client.get("/data", headers=HTML).text


def test_every_form_carries_the_secret_and_works_only_with_it(browser: httpx.Client) -> None:
    ((_, secret), *_) = forms(browser.get("/data"))
    file = {"file": ("rows.csv", ROWS)}
    assert browser.post("/data", files=file).status_code == 403
    table = browser.post("/data", files=file, data={"csrf": secret}).headers["location"]
    assert (f"{table}/delete", secret) in forms(browser.get(table))
    search = f"{table}/search"
    assert (search, secret) in forms(browser.get(search, params={"target": "kind"}))
    typed = {"target": "kind", "trials": "8", "epochs": "2", "name": "mine", "step": "start"}
    assert browser.post(search, data=typed).status_code == 403
    started = browser.post(search, data={**typed, "csrf": secret})
    assert started.headers["location"] == "/searches/mine"
    known = forms(browser.get("/searches/mine"))
    assert {"/searches/mine/pause", "/searches/mine/cancel", "/searches/mine/share"} <= {
        action for action, _ in known
    }
    for action, _ in known:
        assert browser.post(action, data={"shared": "true"}).status_code == 403, action
    assert browser.post("/searches/mine/pause", data={"csrf": secret}).status_code == 303
    assert browser.post("/searches/mine/cancel", data={"csrf": secret}).status_code in (303, 409)
    assert browser.post("/sign-out", data={"csrf": secret}).headers["location"] == "/sign-in"
    assert browser.get("/data").status_code == 303
