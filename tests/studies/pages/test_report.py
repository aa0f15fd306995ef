"""The report: one page, the same to the last byte, that shows what the study says and runs nothing."""

# Law 8: nothing that came from data is executed.

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest

from studies import Study
from studies.analysis import frames
from studies.database.records import StudyRecord
from studies.pages import report
from tests.studies.columns_of import frame_of, summary_of
from tests.studies.pages.rendered import SPACE, Page, rendered


@pytest.fixture(scope="module")
def html(study: Study) -> str:
    return study.report()


def test_the_same_study_gives_the_same_bytes(study: Study, html: str) -> None:
    assert study.report() == html


def test_the_page_is_well_formed_and_its_ids_are_its_own(html: str) -> None:
    page = Page(html)
    assert html.startswith("<!doctype html>\n")
    assert len(page.ids) == len(set(page.ids))
    assert page.tags.count("svg") == len(page.labels) == 11
    wanted = {reference.removeprefix("#") for reference in page.references}
    wanted |= set(re.findall(r"url\(#([^)]+)\)", html))
    assert wanted <= set(page.ids)


def test_the_page_loads_and_runs_nothing(html: str) -> None:
    page = Page(html)
    assert page.references
    assert all(reference.startswith("#") for reference in page.references)
    assert not {"script", "iframe", "object", "embed", "link", "image", "img", "form"} & {
        *page.tags
    }
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    assert not re.search(r"https?://", html)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy
    assert policy[1].split("; ")[:2] == ["default-src 'none'", "style-src 'unsafe-inline'"]


def test_the_answer_comes_first_in_words(study: Study, html: str) -> None:
    text = Page(html).text
    answer = text[: text.index("Trial by trial")]
    said = study.summary()
    recommended, best = said["recommended"], said["best"]
    assert f"Take the settings of trial {recommended['trial']}. Trained " in answer
    assert said["test"]["ci95"][0] < said["test"]["value"] < said["test"]["ci95"][1]
    told = r"a mean validation rmse of (\S+) \(95 % interval .*\), and of (\S+) \(95 % interval .*\) on the test rows"
    numbers = re.search(told, answer)
    assert numbers is not None
    expected = [recommended["mean"], said["test"]["value"]]
    assert [*map(float, numbers.groups())] == pytest.approx(expected, rel=1e-2)
    for name, value in recommended["params"].items():
        shown = f"{value:.3g}" if isinstance(value, float) else str(value)
        assert f"{name} {shown} " in answer
    assert f"45 trials in 3 rounds, {said['epochs_trained']} epochs trained in all." in answer
    assert f"{said['trials']['failed']} failed by diverging" in answer
    told = r"The best of (\d+) values on validation rows in the search was (\S+), of trial (\d+)\. Trained again, "
    count, value, trial = map(float, re.findall(told, answer)[0])
    assert (count, trial) == (said["trials"]["complete"], best["trial"])
    assert value == pytest.approx(best["value"], rel=1e-2)
    assert f"seen once, on {said['test']['opened_at'][:10]}, to score the recommended" in answer


@pytest.mark.usefixtures("undrawn")
def test_without_finalists_the_answer_is_the_best_trial_with_a_caution() -> None:
    settings = {"learning_rate": 0.0123, "weight_decay": 1e-4}
    text = Page(rendered([0.5, 0.625, None], settings)).text
    answer = text[: text.index("Trial by trial")]
    assert "The best validation accuracy is 0.625 , of trial 1, with these settings:" in answer
    assert "learning_rate 0.0123 weight_decay 0.0001 " in answer
    assert "The best of 2 values on validation rows in the search was 0.625, of trial 1." in answer
    assert "may be luck" in answer
    assert "Expect somewhat worse on new data." in answer
    assert "test rows" not in text
    assert "Confirmed settings" not in text


def test_every_finalist_is_in_a_table(study: Study, html: str) -> None:
    text = Page(html).text
    table = text[text.index("Compared with the first") : text.index("How the ranges moved")]
    frame = study.finalists_frame()
    numbers = re.findall(r" (\d+) (\S+) (\d+) × (\S+) ", table)
    for row, (trial, searched, repeats, mean) in zip(
        frame.to_dict("records"), numbers, strict=True
    ):
        assert (int(trial), int(repeats)) == (row["trial"], row["repeats"])
        assert float(searched) == pytest.approx(row["value"], rel=1e-3)
        if mean == "failed":
            assert math.isnan(row["mean"])
        else:
            assert float(mean) == pytest.approx(row["mean"], rel=1e-3)
    assert len({mean for *_, mean in numbers}) == len(set(frame["mean"]))  # told apart
    assert table.count(" tied ") == frame["tied"].sum()
    assert table.count("too few trainings to tell") == frame["tied"].isna().sum()


def test_every_verdict_is_there_with_its_reason(study: Study, html: str) -> None:
    text = Page(html).text.replace("kept :", "kept:")
    rows = study.rounds_frame()
    assert len(rows) == 9
    for reason in rows["reason"]:
        assert re.sub(r"\s+", " ", reason) in re.sub(r"\s+", " ", text)


def test_the_best_trials_are_in_order(study: Study, html: str) -> None:
    table = html[html.index("<h2>The best trials") : html.index("<details>")]
    rows = re.findall(r'<tr><td class="n">(\d+)</td><td class="n">(\d+)</td>', table)
    trials = study.trials_frame()
    order = trials[trials["state"] == "complete"].sort_values(["value", "number"])["number"]
    assert rows == [(str(rank), str(n)) for rank, n in enumerate(order.head(20), start=1)]


def test_where_it_comes_from_is_told(html: str) -> None:
    text = Page(html).text
    assert "hpo resume small --storage sqlite:///" in text
    assert "--trials 150" in text
    for word in ("python 3.", "optuna 5.", "space.learning_rate", "0.001 … 1000, log", "diabetes"):
        assert word in text
    for word in ("sampler model (by default)", "metric rmse (by default)", "timeout no limit"):
        assert word in text
    assert "not set" not in text


def test_passwords_are_not_shown() -> None:
    text = Page(rendered([0.5, 0.6])).text
    assert "secret" not in text
    assert "with the password in place of ***" in text


@pytest.mark.slow
def test_a_thousand_trials_fit_into_two_megabytes() -> None:
    rng = np.random.default_rng(0)
    values = [None if k % 20 == 0 else float(v) for k, v in enumerate(rng.random(1000))]
    html = rendered(values)
    assert len(html.encode()) < 2_000_000
    page = Page(html)
    assert "1,000 trials in 1 round, 9,500 epochs trained" in page.text
    assert "The best 20 of 950 trials that have a value." in page.text


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=1>',
    "$x_1$",
    "{{ 7 * 7 }}",
    "]]>--><!--",
    "探索",
)


def test_hostile_names_are_words() -> None:
    space = SPACE | {"choice": {"choices": list(HOSTILE)}, '"><b onclick=1>': {"choices": ["a"]}}
    html = rendered(
        [0.5, 0.6, None],
        {"learning_rate": 0.1, "weight_decay": 0.1, "choice": HOSTILE[1], '"><b onclick=1>': "a"},
        space=space,
        name=HOSTILE[0],
    )
    assert "<script" not in html
    assert "<img" not in html
    assert "<b " not in html
    page = Page(html)
    assert "img" not in page.tags
    for words in HOSTILE:
        assert words in page.text
    assert any('"><b onclick=1>' in label for label in page.labels)
    assert "hpo resume '<script>alert(1)</script>'" in page.text


def test_a_study_in_which_all_failed_says_so() -> None:
    page = Page(rendered([None, None, None]))
    assert "No trial has succeeded. So nothing can be recommended" in page.text
    assert "All failed by diverging: loss or weights stopped being finite." in page.text
    assert page.text.count("There is nothing to draw yet") == 3
    assert "No trial has a value." in page.text
    assert page.tags.count("svg") == 3  # the ranges, where the trials failed, and when


@pytest.mark.usefixtures("undrawn")
def test_a_search_that_is_running_says_so() -> None:
    text = Page(rendered([None] * 8, state="running", trial_state="running")).text
    assert "The search is still running" in text
    assert "No trial has succeeded yet." in text
    assert "8 have begun and not ended." in text
    assert "last trial ended none yet" in text


@pytest.mark.usefixtures("undrawn")
def test_a_search_that_was_interrupted_says_how_to_go_on() -> None:
    text = Page(rendered([0.5, 0.6], state="interrupted")).text
    assert "The search was interrupted before its end" in text
    assert re.search(r"To resume this search.*hpo resume 'a study' --storage \S+ ", text)
    assert "--trials" not in text


def test_one_trial_of_one_parameter_is_a_study() -> None:
    space = {"learning_rate": SPACE["learning_rate"]}
    page = Page(rendered([0.5], {"learning_rate": 0.1}, space=space, epochs=1))
    assert "1 trial in 1 round, 1 epoch trained in all. None failed or diverged." in page.text
    assert "One value on validation rows says little about new data." in page.text
    assert "Each trial has one value of this metric, so there are no learning curves." in page.text
    assert page.tags.count("svg") == 4


@pytest.mark.usefixtures("undrawn")
def test_a_study_that_optuna_made_has_no_command() -> None:
    assert "hpo resume" not in rendered([0.5, 0.6], plan=False)


def test_a_study_without_trials_is_a_page() -> None:
    record = StudyRecord(
        1, "new", "maximize", "interrupted", {"source": "digits"}, "accuracy", None, {}, None, None
    )
    page = Page(
        report.render(
            summary_of(record, epochs_trained=0),
            frame_of([], {}),
            pd.DataFrame(),
            frames.rounds_frame([]),
            frames.finalists_frame([], {}),
        )
    )
    assert "0 trials in 0 rounds, 0 epochs trained in all." in page.text
    assert "svg" not in page.tags
