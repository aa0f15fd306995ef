"""What the forms of the pages do: a table is uploaded, understood, and searched on."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import httpx
import pytest

from hpo.plan.fields import FIELDS
from hpo.plan.plan import make_plan
from hpo.serve.service import Service
from hpo.serve.web import cost, form
from tests.hpo.serve.pages.browsing import shown, words


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
