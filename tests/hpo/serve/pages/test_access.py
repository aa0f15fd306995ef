"""Who sees the pages, and what no page has: inline script, style, or a table of another owner."""

from __future__ import annotations

import re

import httpx

from tests.hpo.serve.in_process import by
from tests.hpo.serve.pages.browsing import penguins, words


def test_another_owner_sees_nothing_on_any_page(client: httpx.Client, table: str) -> None:
    paths = [
        "/searches/first", "/searches/~1", "/searches/first/fragment", "/searches/first/trials/0",
        "/searches/first/figures/history.svg", "/searches/first/trials/0/curves.svg", "/compare?name=first",
        "/compare.svg?name=first", "/searches/first/delete", table, f"{table}/search?target=species",
    ]  # fmt: skip
    for path in paths:
        answer = client.get(path, headers=by("eve"))
        assert answer.status_code == 404, path
        assert "first" not in words(answer).replace("'first'", "")
    for action in ("pause", "resume", "cancel", "delete"):
        assert client.post(f"/searches/first/{action}", headers=by("eve")).status_code == 404
    assert client.post(f"{table}/delete", headers=by("eve")).status_code == 404


def test_who_only_reads_has_no_buttons(client: httpx.Client) -> None:
    answer = client.get("/data", headers=by("root", "read"))
    assert "<form" not in answer.text
    assert client.post("/data", headers=by("root", "read")).status_code == 403


def test_errors_are_pages_for_people_and_documents_for_programs(client: httpx.Client) -> None:
    answer = client.get("/searches/nothing")
    assert answer.headers["content-type"].startswith("text/html")
    assert "no search 'nothing' of yours" in words(answer).casefold()
    for path in ("/searches/nothing", "/api/v1/searches/nothing"):
        document = client.get(path, headers={"Accept": "application/json"})
        assert document.headers["content-type"] == "application/problem+json"
    hostile = client.get(f"/searches/{'<script>' * 9}")
    assert hostile.status_code == 404
    assert "<script><" not in hostile.text


def test_no_page_has_inline_script_or_style(client: httpx.Client, table: str) -> None:
    for path in (
        "/",
        "/data",
        table,
        "/searches/first",
        "/searches/first/trials/0",
        "/compare?name=first",
    ):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "unsafe-inline" not in policy
        assert "frame-ancestors 'none'" in policy
        assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?! src=)", answer.text), path


def test_files_of_pages_need_no_token_and_there_are_no_others(client: httpx.Client) -> None:
    for name, kind in (("pages.css", "text/css"), ("live.js", "text/javascript")):
        assert client.get(f"/static/{name}").headers["content-type"].startswith(kind)
    for name in ("nothing.css", "..%2frouting.py", "__init__.py"):
        assert client.get(f"/static/{name}").status_code == 404


def test_a_table_that_a_search_uses_is_deleted_only_if_that_is_meant(client: httpx.Client) -> None:
    uploaded = {"file": ("used.csv", penguins())}
    table = client.post("/data", files=uploaded, follow_redirects=False).headers["location"]
    typed = {"target": "species", "trials": "9", "epochs": "2", "name": "uses it", "step": "start"}
    assert client.post(f"{table}/search", data=typed, follow_redirects=False).status_code == 303
    refused = client.post(f"{table}/delete")
    assert refused.status_code == 409
    assert "is the data of uses it" in words(refused)
    assert 'name="force" value="true"' in refused.text
    deleted = client.post(f"{table}/delete", data={"force": "true"}, follow_redirects=False)
    assert deleted.headers["location"] == "/data"
    assert client.get(table).status_code == 404
    assert client.post("/searches/uses it/cancel", follow_redirects=False).status_code == 303
