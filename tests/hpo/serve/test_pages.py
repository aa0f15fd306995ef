"""The pages, as a browser without script asks for them: what they show, what their forms do, and who may see them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

import hpo
from hpo.plan.fields import FIELDS
from hpo.plan.plan import make_plan
from hpo.serve.service import Service
from hpo.serve.web import cost, form
from studies import Study
from tests.hpo.serve.in_process import by, make_service, serving

BROWSER = {"Accept": "text/html,application/xhtml+xml"}
HOSTILE = "<script>alert('x')</script>/../%00"


def penguins() -> bytes:
    """A table of 60 rows with three classes, a column that gives them away, and one that identifies rows."""
    species = ("Adelie", "Gentoo", "Chinstrap")
    rows = [
        f"{species[i % 3]},{30 + i * 7 % 23 + i % 3},{'ACB'[i % 3]},N{i:03d}" for i in range(60)
    ]
    return "\n".join(["species,bill,code,tag", *rows]).encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def service(folder: Path) -> Service:
    """A service with three studies that commands began; one of another metric, one with a hostile name."""
    storage = f"sqlite:///{folder / 'service.db'}"
    shared: dict[str, Any] = {"storage": storage, "trials": 8, "rounds": 2, "epochs": 2}
    hpo.search("iris", name="first", **shared)
    hpo.search("iris", name=HOSTILE, seed=1, **shared)
    hpo.search("diabetes", name="other", **shared)
    return make_service(folder / "served", storage)


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx.Client]:
    with pytest.MonkeyPatch.context() as patch, serving(service, patch) as client:
        client.base_url = httpx.URL("http://127.0.0.1")
        client.headers.update({**BROWSER, **by("root", "admin")})
        yield client


def shown(client: httpx.Client, path: str, status: int = 200, **options: Any) -> str:
    """The words of a page, one space between them."""
    answer = client.get(path, **options)
    assert answer.status_code == status, answer.text
    return words(answer)


def words(answer: httpx.Response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())


@pytest.fixture(scope="module")
def table(client: httpx.Client) -> str:
    """The path of an uploaded table."""
    answer = client.post(
        "/data", files={"file": ("penguins.csv", penguins())}, follow_redirects=False
    )
    assert answer.status_code == 303
    return str(answer.headers["location"])


# What is shown


def test_the_list_has_every_study_whatever_its_name(client: httpx.Client, service: Service) -> None:
    answer = client.get("/")
    text = words(answer)
    for name in ("first", "other", HOSTILE):
        assert name in text
        best = Study(name, service.database.url).best
        assert best is not None
        assert f"{best.value:.4g}" in text
    assert "<script>alert" not in answer.text
    numbered = re.search(r'href="(/searches/~\d+)"', answer.text)
    assert numbered is not None
    assert HOSTILE in shown(client, numbered[1])


def test_a_filter_that_matches_nothing_leads_back(client: httpx.Client) -> None:
    assert "No study is like that" in shown(client, "/", params={"text": "nothing"})
    assert "other" not in shown(client, "/", params={"text": "fir", "order": "name"}).split()
    assert shown(client, "/", params={"number": 99})  # the last page there is


def test_an_empty_list_says_what_to_do(client: httpx.Client) -> None:
    answer = client.get("/", headers=by("nobody"))
    assert 'href="/data"' in answer.text
    assert "no studies yet" in words(answer)


def test_a_study_that_is_complete_is_its_report_without_a_place_on_the_server(
    client: httpx.Client, service: Service, folder: Path
) -> None:
    answer = client.get("/searches/first")
    report = Study("first", service.database.url).report()
    headings = re.findall(r"<h2>(.*?)</h2>", report)
    assert len(headings) > 5
    for heading in headings:
        assert f"<h2>{heading}</h2>" in answer.text
    assert str(folder) not in answer.text
    assert "--storage" not in answer.text
    pictures = re.findall(r'<img src="(.*?)" alt="(.+?)"', answer.text)
    assert len(pictures) == report.count("<svg ")


def test_a_figure_is_an_image_of_its_own(client: httpx.Client) -> None:
    answer = client.get("/searches/first/figures/history.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert b"<svg" in answer.content[:500]
    assert client.get("/searches/first/figures/nothing.svg").status_code == 404


def test_a_trial_shows_its_settings_value_and_end(client: httpx.Client, service: Service) -> None:
    one = Study("first", service.database.url).trial(3)
    text = shown(client, "/searches/first/trials/3")
    assert f"is {one.trial.value:.4g} ." in text
    for name in one.trial.params:
        assert name in text
    assert "trained to its end: 2 epochs" in text
    assert b"<svg" in client.get("/searches/first/trials/3/curves.svg").content[:500]
    assert "it has 0 to" in shown(client, "/searches/first/trials/99", 404)


def test_studies_of_one_metric_are_compared_on_one_axis(client: httpx.Client) -> None:
    names = {"name": ["first", "~2"]}
    text = shown(client, "/compare", params=names)
    assert (
        "All scores are accuracy, on validation rows unless it says otherwise: higher is better"
        in text
    )
    assert HOSTILE in text
    assert client.get("/compare.svg", params=names).headers["content-type"] == "image/svg+xml"


def test_studies_of_different_metrics_have_no_axis(client: httpx.Client) -> None:
    names = {"name": ["first", "other"]}
    text = shown(client, "/compare", params=names)
    assert "can't be compared" in text
    assert "accuracy" in text
    assert "rmse" in text
    assert client.get("/compare.svg", params=names).status_code == 404
    shown(client, "/compare", 422, params={"name": list("abcde")})
    assert "Choose two to 4 studies" in shown(client, "/compare")


# What forms do


def test_a_table_shows_what_was_understood_and_what_to_leave_out(
    client: httpx.Client, table: str
) -> None:
    assert "60 rows, 4 columns" in shown(client, table)
    answer = client.get(f"{table}/search", params={"target": "species"})
    text = words(answer)
    assert "3 classes: Adelie 33 %, Chinstrap 33 %, Gentoo 33 %" in text
    ticked = re.findall(r'name="drop" value="(\w+)" checked', answer.text)
    assert ticked == ["tag", "code"] or ticked == ["code", "tag"]
    for name in (*form.FIRST, "space", "halving", "hidden"):
        assert f'name="{name}"' in answer.text


def test_what_is_no_table_is_refused_beside_the_field(client: httpx.Client) -> None:
    answer = client.post("/data", files={"file": ("penguins.exe", b"MZ")})
    assert answer.status_code == 422
    assert 'id="file-wrong" role="alert"' in answer.text
    assert "Choose a file first" in words(client.post("/data", files={"file": ("", b"")}))


def test_an_error_is_beside_its_field_and_what_was_typed_is_kept(
    client: httpx.Client, table: str
) -> None:
    typed = {
        "target": "species",
        "trials": "many",
        "epochs": "7",
        "name": "mine",
        "step": "preview",
    }
    answer = client.post(f"{table}/search", data=typed)
    assert answer.status_code == 422
    wrong = re.search(r'id="trials-wrong" role="alert">(.*?)<', answer.text)
    assert wrong is not None
    assert unescape(wrong[1]) == "trials: 'many' is not a whole number of at least 1"
    assert re.search(r'id="trials" name="trials" value="many".*aria-invalid="true"', answer.text)
    assert 'name="epochs" value="7"' in answer.text
    assert 'name="name" value="mine"' in answer.text
    bad_name = client.post(f"{table}/search", data={**typed, "trials": "9", "name": "../x"})
    assert 'id="name-wrong"' in bad_name.text
    unfolded = client.post(f"{table}/search", data={**typed, "trials": "9", "halving": "1"})
    assert re.search(r"<details open>\s*<summary>More: how much", unfolded.text)


def test_a_search_says_what_it_costs_then_starts_as_it_said(
    client: httpx.Client, service: Service, table: str
) -> None:
    typed = {
        "target": "species", "drop": ["tag", "code"], "trials": "9", "rounds": "3", "epochs": "2",
        "name": "from the page",
    }  # fmt: skip
    answer = client.post(f"{table}/search", data={**typed, "step": "preview"})
    text = words(answer)
    plan = make_plan({"source": "penguins.csv", "trials": 9, "epochs": 2})
    assert "9 trainings in all, in 3 rounds" in text
    assert f"Up to {plan.confirming} of them confirm" in text
    assert "at most 18 epochs" in text
    assert "36 rows" in text
    assert "on one core" in text
    sent = re.findall(r'<input type="hidden" name="(\w+)" value="(.*?)"', answer.text)
    fields: dict[str, list[str]] = {}
    for name, value in sent:
        fields.setdefault(name, []).append(unescape(value))
    changed = client.post(f"{table}/search", data={**fields, "step": "change"})
    assert 'name="trials" value="9"' in changed.text
    started = client.post(
        f"{table}/search", data={**fields, "step": "start"}, follow_redirects=False
    )
    assert started.headers["location"] == "/searches/from%20the%20page"
    plan_sent = client.get("/api/v1/searches/from the page").json()["plan"]
    assert plan_sent["trials"] == 9
    assert sorted(plan_sent["drop"]) == ["code", "tag"]
    assert "exists already" in words(
        client.post(f"{table}/search", data={**fields, "step": "start"})
    )
    waiting = client.get("/searches/from the page")
    assert 'http-equiv="refresh"' in waiting.text
    assert "End it for good" in waiting.text
    assert client.post("/searches/from the page/pause", follow_redirects=False).status_code == 303
    assert client.post("/searches/from the page/cancel", follow_redirects=False).status_code == 303


def test_a_form_that_is_sent_as_it_came_asks_for_no_field(client: httpx.Client, table: str) -> None:
    html = client.get(f"{table}/search", params={"target": "species"}).text
    sent = dict(re.findall(r'<input id="(\w+)" name="\w+" value="(.*?)"', html))
    sent |= dict(re.findall(r'<textarea id="(\w+)".*?>\n?(.*?)</textarea>', html, re.S))
    for name, options in re.findall(r'<select id="(\w+)".*?>(.*?)</select>', html, re.S):
        chosen = re.search(r'value="([^"]*)" selected', options)
        sent[name] = chosen[1] if chosen else re.findall(r'value="(.*?)"', options)[0]
    assert len(sent) > 25
    assert (
        form.fields_of({name: [value.replace("\n", "\r\n")] for name, value in sent.items()}) == {}
    )


def test_every_field_of_a_plan_is_in_the_form_or_has_a_reason_not_to_be() -> None:
    filled = form.form_of({"described": [], "task": "classification"})
    names = [i.name for i in filled.first] + [i.name for g in filled.groups.values() for i in g]
    assert sorted([*names, *form.OF_OTHERS, *form.ELSEWHERE]) == sorted(FIELDS)
    assert not filled.open


def test_ranges_and_baselines_are_read_line_by_line() -> None:
    fields = form.fields_of(
        {
            "space": [
                "learning_rate=1e-4:1:log\r\nbeta1@optimizer=adam|adamw = 0.5:0.99\r\n\r\nodd"
            ],
            "baseline": ["learning_rate=0.1\r\ndefault"],
            "trainer": ["evil:run"],
            "source": ["/etc/passwd"],
            "trials": [" 12 "],
        }
    )
    assert fields == {
        "space": {
            "learning_rate": "1e-4:1:log", "beta1@optimizer=adam|adamw": "0.5:0.99", "odd": "",
        },
        "baseline": ["learning_rate=0.1", "default"],
        "trials": "12",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"finalists": 0}, "None of them confirm"),
        ({"finalists": 3, "repeats": 2}, "6 of them confirm"),
        ({"folds": 5}, "settings are scored 20 times"),
        ({"halving": 3, "epochs": 27}, "the worst leave early"),
    ],
)
def test_the_cost_is_that_of_the_plan(fields: dict[str, Any], sentence: str) -> None:
    plan = make_plan({"source": "iris", "rounds": 2, **fields})
    assert sentence in " ".join(cost.sentences(plan, {}))


# Who sees it, and how


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
