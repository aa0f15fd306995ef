"""The 0 beside a range: left out or drawn more often on evidence, and no evidence about the range."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hpo.choose.narrowing import narrow
from hpo.choose.types import Observation
from hpo.plan.space import (
    Float,
    Parameter,
)

DECAY: dict[str, Parameter] = {"decay": Float(1e-8, 1e-1, log=True, zero=0.2)}


def with_zeros(n: int, seed: int, *, worth: float) -> list[Observation]:
    rng = np.random.default_rng(seed)
    decays = [0.0 if k % 5 == 0 else float(10 ** rng.uniform(-8, -1)) for k in range(n)]
    return [Observation({"decay": d}, worth * (d == 0) + float(rng.normal())) for d in decays]


@pytest.mark.parametrize(("worth", "word"), [(9.0, "of the draws are 0"), (-9.0, "0 is left out")])
def test_zero_is_left_out_or_drawn_more_often_on_evidence(worth: float, word: str) -> None:
    verdict = narrow(DECAY, with_zeros(60, 0, worth=worth), "maximize")["decay"]
    assert word in verdict.reason
    assert verdict.action != "kept"
    assert isinstance(verdict.next, Float)
    assert verdict.next.zero == (0 if worth < 0 else pytest.approx(12 / 18))


def test_zero_that_is_worth_nothing_is_drawn_as_often_as_before() -> None:
    following = [
        narrow(DECAY, with_zeros(60, seed, worth=0), "maximize")["decay"].next for seed in range(40)
    ]
    assert [isinstance(p, Float) and p.zero for p in following].count(0.2) >= 36


@pytest.mark.parametrize("worth", [9.0, -9.0])
def test_how_good_zero_is_says_nothing_of_the_range_beside_it(worth: float) -> None:
    for seed in range(8):
        history = with_zeros(60, seed, worth=worth)
        found = narrow(DECAY, history, "maximize")["decay"].next
        without = [t for t in history if t.settings["decay"] != 0]
        expected = narrow(DECAY, without, "maximize")["decay"].next
        assert isinstance(found, Float)
        assert isinstance(expected, Float)
        assert (found.low, found.high) == (expected.low, expected.high)


def test_where_all_are_zero_there_is_nothing_to_compare() -> None:
    history = [Observation({"decay": 0.0}, float(k)) for k in range(40)]
    assert narrow(DECAY, history, "maximize")["decay"].action == "kept"


def test_settings_that_train_again_do_not_count_twice() -> None:
    history = with_zeros(60, 0, worth=0.0)
    again = [replace(t, stage=1) for t in history if t.settings["decay"] == 0] * 5
    alone, repeated = (narrow(DECAY, h, "maximize")["decay"] for h in (history, history + again))
    assert isinstance(alone.next, Float)
    assert isinstance(repeated.next, Float)
    assert repeated.next.zero == alone.next.zero
    assert (repeated.evidence["trials"], repeated.evidence["values"]) == (60, 60 + len(again))
