"""What the pages show of studies, trials and comparisons, to a browser without script."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from hpo.serve.service import Service
from studies import Study
from tests.hpo.serve.in_process import by
from tests.hpo.serve.pages.browsing import HOSTILE, shown, words


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


@pytest.mark.parametrize(("name", "curves"), [("first", True), ("other", False)])
def test_the_part_that_moves_asks_for_figures_that_there_are(
    client: httpx.Client, name: str, curves: bool
) -> None:
    pictures = re.findall(r'<img src="(.*?)"', client.get(f"/searches/{name}/fragment").text)
    assert [client.get(address).status_code for address in pictures] == [200] * (2 + curves)


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
