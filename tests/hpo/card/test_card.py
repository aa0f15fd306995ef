"""Model cards of small studies: what they say, and that names are words in them."""

# Law 8: nothing that came from data is executed.

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.inspection import permutation_importance

import hpo
from hpo.card.cautions import cautions
from hpo.card.columns import importance, ranked
from hpo.card.facts import CardFacts, facts_of_card
from hpo.card.sections import document
from hpo.errors import PlanError
from hpo.models import Chosen, choose
from studies.pages.document import to_html, to_markdown
from tests.running import Call, Run
from tests.studies.pages.rendered import Page
from tests.trainer.models import animals

PLAN: dict[str, Any] = {"trials": 12, "epochs": 3, "hidden": (12,), "progress": False, "workers": 1}
COLUMN, CLASS, TEXT = "<script>alert(1)</script>", '"><img src=x onerror=1>', "a|b `c` *d* [e](f)"


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("card")
    frame = animals(250).rename(columns={"weight": COLUMN, "kind": "$x_1$ | kind"})
    frame = frame.replace({"bird": CLASS, "tweet": TEXT})
    frame["same"] = frame["wings"] * 2 + 1
    frame.to_csv(folder / "animals.csv", index=False)
    storage = f"sqlite:///{folder}/s.db"
    hpo.search(folder / "animals.csv", target="$x_1$ | kind", name=COLUMN, storage=storage, **PLAN)
    hpo.search(folder / "animals.csv", target=COLUMN, name="weights", storage=storage, **PLAN)
    return storage


@pytest.fixture(scope="module")
def kinds(storage: str) -> Chosen:
    return choose(COLUMN, storage=storage)


@pytest.fixture(scope="module")
def weights(storage: str) -> Chosen:
    return choose("weights", storage=storage)


@pytest.fixture(scope="module")
def facts(kinds: Chosen) -> CardFacts:
    return facts_of_card(kinds)


@pytest.fixture(scope="module")
def quantity(weights: Chosen) -> CardFacts:
    return facts_of_card(weights)


@pytest.mark.parametrize("which", ["facts", "quantity"])
def test_the_page_is_well_formed_and_needs_and_runs_nothing(
    which: str, request: pytest.FixtureRequest
) -> None:
    html = to_html(document(request.getfixturevalue(which)))
    page = Page(html)
    assert len(page.ids) == len(set(page.ids))
    wanted = {r.removeprefix("#") for r in page.references} | set(
        re.findall(r"url\(#([^)]+)\)", html)
    )
    assert wanted <= set(page.ids)
    assert not {"script", "img", "image", "iframe", "link", "object"} & {*page.tags}
    assert not re.search(r"https?://", html)
    assert not re.search(r"url\((?!#)", html)
    assert page.tags.count("svg") == len(page.labels) == (3 if which == "facts" else 2)
    for word in (COLUMN, TEXT, *([CLASS] if which == "facts" else [])):
        assert word in page.text


def test_in_markdown_names_are_words_and_tables_keep_their_columns(facts: CardFacts) -> None:
    text = to_markdown(document(facts))
    for word in ("<script", "<img", "](f)", "`c`"):
        assert not re.search(rf"(?<!\\){re.escape(word)}", text)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1


def test_stored_scores_are_quoted_and_nothing_is_measured_on_test_rows(
    kinds: Chosen, facts: CardFacts
) -> None:
    stored = kinds.summary.as_mapping()
    assert facts.test is not None
    assert (facts.test.value, facts.test.same) == (stored["test"]["value"], True)
    assert facts.about["confirmed"]["mean"] == stored["recommended"]["mean"]
    assert facts.guess == stored["data"]["guess"]
    apart = kinds.draw.positions("test")[1]
    assert not set(apart) & {p for one in kinds.held_out for p in one.positions}
    assert facts.measured.answers == sum(len(one.positions) for one in kinds.held_out)
    assert facts.measured.rows == len({p for one in kinds.held_out for p in one.positions})


def test_importances_are_scikit_learns(kinds: Chosen, facts: CardFacts) -> None:
    one = kinds.held_out[0]
    order = np.random.default_rng(0).permutation(len(one.positions))
    rows = one.table.rows_at(one.positions[order])
    classes = np.array(one.table.classes, object)[one.labels[order]]
    theirs = permutation_importance(
        one.model, rows, classes, scoring="accuracy", n_repeats=5, random_state=0
    )
    assert facts.importance.worse is not None
    assert facts.importance.worse[:, :5] == pytest.approx(theirs.importances)
    names = [name for name, *_ in ranked(facts.importance)]
    assert set(names) == {COLUMN, "noise", "wings", "same"}
    assert [pair[:2] for pair in facts.importance.alike] == [("wings", "same")]


@pytest.mark.parametrize(
    ("which", "metric", "theirs"),
    [
        ("kinds", "log_loss", "neg_log_loss"),
        ("kinds", "balanced_accuracy", "balanced_accuracy"),
        ("kinds", "roc_auc", "roc_auc_ovr"),
        ("weights", "rmse", "neg_root_mean_squared_error"),
        ("weights", "mae", "neg_mean_absolute_error"),
        ("weights", "r2", "r2"),
    ],
)
def test_importances_are_in_the_metric_of_the_study(
    which: str, metric: str, theirs: str, request: pytest.FixtureRequest
) -> None:
    one = request.getfixturevalue(which).held_out[0]
    order = np.random.default_rng(0).permutation(len(one.positions))
    labels = one.labels[order]
    if which == "kinds":
        labels = np.array(one.table.classes, object)[labels]
    expected = permutation_importance(
        one.model, one.table.rows_at(one.positions[order]), labels, scoring=theirs, n_repeats=5, random_state=0
    )  # fmt: skip
    found = importance([one], metric)
    assert found.worse is not None
    assert found.worse == pytest.approx(expected.importances, abs=1e-6)


def test_columns_say_what_the_model_was_trained_on(kinds: Chosen, facts: CardFacts) -> None:
    rows: Any = kinds.draw.table.rows_at(kinds.draw.training_positions(every_row=False))
    by_name = {column.name: column for column in facts.columns}
    assert by_name[COLUMN].span == (rows[COLUMN].min(), rows[COLUMN].max())
    assert by_name[COLUMN].missing == rows[COLUMN].isna().mean() > 0
    assert set(by_name["noise"].commonest) == {TEXT, "meow", "woof"}
    assert facts.class_rows[CLASS] == (rows["wings"] == 2).sum()


def test_a_text_of_few_rows_is_not_named(facts: CardFacts, kinds: Chosen) -> None:
    from hpo.card.columns import column_facts

    rows = kinds.draw.table.rows_at(np.arange(250)).copy()
    rows["noise"] = [f"somebody {k}" for k in range(250)]
    (noise,) = [c for c in column_facts(kinds.model, rows) if c.name == "noise"]
    assert (noise.different, noise.commonest) == (250, ())


def test_cautions_follow_from_the_facts(facts: CardFacts, quantity: CardFacts) -> None:
    def said(word: str, of: CardFacts) -> bool:
        return any(word in sentence for sentence in cautions(of))

    assert facts.classes is not None
    assert facts.test is not None
    first, *others = facts.classes.classes
    weak = replace(first, recall=0.4, mistaken_for=(others[0].name, 0.6))
    assert said("40 %", replace(facts, classes=replace(facts.classes, classes=[weak, *others])))
    assert not said("recognizes 40 %", facts)
    rare = replace(first, rows=7)
    assert said("(7)", replace(facts, classes=replace(facts.classes, classes=[rare, *others])))
    for chance in (True, False):
        ends = (0.0, 0.5) if chance else (0.0, -1.0)
        calibration = replace(facts.classes.calibration, by_chance=ends)
        changed = replace(facts, classes=replace(facts.classes, calibration=calibration))
        assert said("as chances", changed) is not chance
    assert not said("more evidence", facts)
    poor = {**facts.model, "about": {**facts.about, "confirmed": {"mean": 0.4, "ci95": [0.3, 0.5]}}}
    worthless = replace(
        facts, model=poor, guess=0.4, test=replace(facts.test, value=0.4, ci95=(0.3, 0.5))
    )
    assert said("more evidence", worthless)
    whole = {**facts.model, "about": {**facts.about, "test_rows_are_in": True}}
    assert said("test rows, too", replace(facts, model=whole))

    assert quantity.quantities is not None
    ranges = [replace(quantity.quantities.ranges[0], low=1.0, high=2.0, answers=500, inside=0.7)]
    assert said(
        "estimates 1 to 2",
        replace(quantity, quantities=replace(quantity.quantities, ranges=ranges)),
    )
    cut = replace(quantity.quantities, most=50.0, at_most=0.05)
    assert said("above 50", replace(quantity, quantities=cut))


def test_a_card_of_another_ending_is_refused_before_anything_is_trained(storage: str) -> None:
    with pytest.raises(PlanError, match=r"'m\.txt'.*\.md or \.html"):
        hpo.train("weights", storage=storage, card="m.txt")


def test_the_command_writes_a_card_beside_the_model(
    run_hpo: Run, call_hpo: Call, storage: str, tmp_path: Path
) -> None:
    done = run_hpo("train", "weights", "-o", "m.hpo", "--card", "m.md", "--storage", storage)
    assert (done.returncode, done.stderr) == (0, "")
    text = (tmp_path / "m.md").read_text()
    assert text.startswith("# Model card: weights\n")
    hpo.train("weights", storage=storage, card=tmp_path / "same.md")
    assert (tmp_path / "same.md").read_text() == text  # in another process, too
    status, out, err = call_hpo(f"train weights -o n.hpo --card n.pdf --storage {storage}")
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "n.pdf" in err
    assert not (tmp_path / "n.hpo").exists()
