"""Distributions of Optuna's -> a space and a plan of ours, or the reason why there is none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from hpo.errors import PlanError
from hpo.plan.adopt import adopting_plan, refusal, space_of, widest
from hpo.plan.space import Categorical, Float, Int, contains
from studies.database.optunas import OptunasStudy, OptunasTrial

X = FloatDistribution(0, 1)
ends = st.floats(-1e300, 1e300)
steps = st.sampled_from([None, 0.1, 0.25, 3.0])


def study(*trials: tuple[str, Mapping[str, BaseDistribution]], **fields: Any) -> OptunasStudy:
    made = [OptunasTrial(n, state, given) for n, (state, given) in enumerate(trials)]
    return OptunasStudy(**{"name": "s", "directions": ["minimize"], "trials": made} | fields)


@pytest.mark.parametrize(
    ("drawn_from", "expected"),
    [
        ([X], Float(0, 1)),
        ([X, FloatDistribution(-2, 0.5), FloatDistribution(0, 3)], Float(-2, 3)),
        (
            [FloatDistribution(1e-3, 1, log=True), FloatDistribution(1e-5, 1e-2, log=True)],
            Float(1e-5, 1, log=True),
        ),
        (
            [FloatDistribution(0.1, 0.7, step=0.1), FloatDistribution(0.3, 0.9, step=0.1)],
            Float(0.1, 0.9, step=0.1),
        ),
        ([IntDistribution(3, 5), IntDistribution(4, 9)], Int(3, 9)),
        ([IntDistribution(8, 64, log=True)], Int(8, 64, log=True)),
        ([IntDistribution(2, 8, step=2), IntDistribution(4, 10, step=2)], Int(2, 10, step=2)),
        (
            [CategoricalDistribution(("a", 2, 0.5, None, True))] * 2,
            Categorical(("a", 2, 0.5, None, True)),
        ),
        ([FloatDistribution(2, 2)], Float(2, 2)),
    ],
)
def test_a_space_is_the_widest_that_trials_were_drawn_from(
    drawn_from: Sequence[BaseDistribution], expected: Any
) -> None:
    assert widest(drawn_from) == expected


@given(st.lists(st.tuples(ends, ends), min_size=1), st.booleans())
def test_the_widest_range_holds_all_of_them_and_ends_where_one_ends(
    pairs: list[tuple[float, float]], log: bool
) -> None:
    if log:
        pairs = [(abs(low) + 1e-9, abs(high) + 1e-9) for low, high in pairs]
    drawn_from = [FloatDistribution(min(pair), max(pair), log=log) for pair in pairs]
    found = widest(drawn_from)
    assert isinstance(found, Float)
    assert found.log == log
    assert all(contains(found, d.low) and contains(found, d.high) for d in drawn_from)
    assert found.low in [d.low for d in drawn_from]
    assert found.high in [d.high for d in drawn_from]


@given(st.integers(-50, 50), st.integers(1, 9), st.lists(st.tuples(*[st.integers(0, 20)] * 2)))
def test_steps_on_one_grid_stay_on_it(low: int, step: int, parts: list[tuple[int, int]]) -> None:
    drawn_from = [
        IntDistribution(low + step * min(part), low + step * max(part), step=step)
        for part in [(0, 1), *parts]
    ]
    found = widest(drawn_from)
    assert isinstance(found, Int)
    assert (found.low, found.step) == (low, step)
    assert found.high == max(d.high for d in drawn_from)


REFUSED = {
    "it has 2 objectives, and a search has one": study(
        ("COMPLETE", {"x": X}), directions=["minimize", "maximize"]
    ),
    "it has no trials": study(),
    "its trials have no parameters": study(("COMPLETE", {})),
    "it has conditional parameters: 'y' is in some trials and not in others": study(
        ("COMPLETE", {"x": X}), ("PRUNED", {"x": X, "y": X})
    ),
    "it has conditional parameters: 'x' is in some": study(
        ("COMPLETE", {"x": X, "y": X}), ("COMPLETE", {"y": X})
    ),
    "'z' is only in trials that failed": study(("COMPLETE", {"x": X}), ("FAIL", {"z": X})),
    "parameter 'c': its choices change from trial to trial": study(
        ("COMPLETE", {"c": CategoricalDistribution(("a", "b"))}),
        ("COMPLETE", {"c": CategoricalDistribution(("a", "b", "c"))}),
    ),
    "parameter 'x': it is of several kinds: FloatDistribution, IntDistribution": study(
        ("COMPLETE", {"x": X}), ("COMPLETE", {"x": IntDistribution(0, 1)})
    ),
    "parameter 'x': it is log in some trials and not in others": study(
        ("COMPLETE", {"x": FloatDistribution(1, 2)}),
        ("COMPLETE", {"x": FloatDistribution(1, 2, log=True)}),
    ),
    "parameter 'x': its steps change from trial to trial": study(
        ("COMPLETE", {"x": FloatDistribution(0, 1, step=0.5)}),
        ("COMPLETE", {"x": FloatDistribution(0.25, 1.25, step=0.5)}),
    ),
    "parameter 'c': choice True is one that Optuna can't tell from an equal one": study(
        ("COMPLETE", {"c": CategoricalDistribution((1, True))})
    ),
    "parameter 'c': choice inf is not a finite number": study(
        ("COMPLETE", {"c": CategoricalDistribution((1.0, float("inf")))})
    ),
    "space.lr/decay: a parameter's name is letters": study(("COMPLETE", {"lr/decay": X})),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_a_plan_can_not_say_is_refused_with_the_reason(reason: str) -> None:
    said = refusal(REFUSED[reason])
    assert said is not None
    assert said.startswith(reason)
    with pytest.raises(PlanError, match=f"^hpo can't go on with study 's' .*{re.escape(reason)}"):
        adopting_plan(REFUSED[reason], {"trainer": "m:f", "trials": 100})


def test_trials_that_failed_or_have_not_ended_may_lack_parameters() -> None:
    both = {"x": X, "y": FloatDistribution(0, 2)}
    left = study(("FAIL", {}), ("COMPLETE", both), ("RUNNING", {"x": X}), ("WAITING", {}))
    assert space_of(left) == {"x": Float(0, 1), "y": Float(0, 2)}
    assert left.unended == [2, 3]
    assert space_of(study(("FAIL", {}), ("FAIL", both), ("FAIL", {"x": X}))).keys() == both.keys()


def test_all_that_optuna_does_not_record_is_what_a_plan_has_by_default() -> None:
    twelve = study(*[("COMPLETE", {"x": X})] * 12)
    plan = adopting_plan(twelve, {"trainer": "my_model:train", "trials": 60})
    assert (plan.trainer, plan.direction, plan.trials) == ("my_model:train", "minimize", 12 + 60)
    assert (plan.seed, plan.metric, plan.rounds, plan.epochs) == (0, None, 3, 10)
    assert plan.space == {"x": Float(0, 1)}
    # One more trial is one more round.
    one = study(("COMPLETE", {"x": X}))
    assert adopting_plan(one, {"trainer": "m:f", "trials": 1}).rounds == 2
    plan = adopting_plan(one, {"trainer": "m:f", "trials": 9, "epochs": 3, "metric": "loss"})
    assert (plan.epochs, plan.metric) == (3, "loss")


def test_the_share_that_confirms_is_of_what_is_added() -> None:
    plan = adopting_plan(study(*[("COMPLETE", {"x": X})] * 500), {"trainer": "m:f", "trials": 40})
    assert (plan.trials, plan.most_confirming(500)) == (540, 16)


def test_to_confirm_a_study_no_trials_are_added() -> None:
    plan = adopting_plan(study(*[("COMPLETE", {"x": X})] * 9), {"trainer": "m:f"}, confirm=True)
    assert (plan.trials, plan.rounds, plan.most_confirming(9)) == (9, 1, 0)


@pytest.mark.parametrize(
    ("trainer", "trials", "said"),
    [
        (None, 60, "give --trainer"),
        ("m:f", None, "--trials, how many more than the 2 it has"),
        ("m:f", 0, "trials: 0 is not a whole number of at least 1"),
        ("train", 60, "'train' is not FILE.py:FUNCTION"),
    ],
)
def test_what_trains_and_how_often_must_be_said(
    trainer: str | None, trials: int | None, said: str
) -> None:
    with pytest.raises(PlanError, match=re.escape(said)):
        adopting_plan(study(*[("COMPLETE", {"x": X})] * 2), {"trainer": trainer, "trials": trials})


@pytest.mark.parametrize("field", ["space", "direction", "rounds", "source"])
def test_what_follows_from_the_study_is_refused(field: str) -> None:
    fields = {"trainer": "m:f", "trials": 9, field: 1}
    with pytest.raises(PlanError, match=f"^{field}: the plan of a study that Optuna made follows"):
        adopting_plan(study(*[("COMPLETE", {"x": X})] * 2), fields)
