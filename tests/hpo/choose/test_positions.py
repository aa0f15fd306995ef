"""Settings become positions from 0 to 1 and come back the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpo.choose.positions import are_choices, positions, relative, setting, snapped
from hpo.plan.space import Categorical, Float, Int, Numeric, Parameter, Settings, at, position

SPACE: dict[str, Parameter] = {
    "rate": Float(1e-5, 1.0, log=True),
    "share": Float(0.0, 1.0, step=0.1),
    "units": Int(4, 64, log=True),
    "layers": Int(1, 9, step=2),
    "kind": Categorical(("a", None, 3)),
    "one": Float(2.0, 2.0),
}
RANGES = [p for p in SPACE.values() if not isinstance(p, Categorical)]
shares = st.floats(0.0, 1.0)


@given(shares, shares, shares, shares, st.sampled_from(["a", None, 3]))
def test_a_setting_survives_being_a_position(
    rate: float, share: float, units: float, layers: float, kind: str | int | None
) -> None:
    given_ = {
        "rate": at(SPACE["rate"], rate),  # type: ignore[arg-type]  # a range
        "share": at(SPACE["share"], share),  # type: ignore[arg-type]  # a range
        "units": at(SPACE["units"], units),  # type: ignore[arg-type]  # a range
        "layers": at(SPACE["layers"], layers),  # type: ignore[arg-type]  # a range
        "kind": kind,
        "one": 2.0,
    }
    U = positions(SPACE, [given_])
    assert U.shape == (1, len(SPACE))
    back = setting(SPACE, U[0])
    assert back["rate"] == pytest.approx(given_["rate"], rel=1e-12)
    assert {**back, "rate": None} == {**given_, "rate": None}
    assert type(back["units"]) is type(back["layers"]) is int


@given(st.sampled_from(RANGES), st.lists(shares, min_size=1))
def test_many_positions_are_those_of_each(parameter: Numeric, where: list[float]) -> None:
    values = [at(parameter, x) for x in where]
    expected = [position(parameter, value) for value in values]
    np.testing.assert_allclose(relative(parameter, np.array(values, float)), expected, atol=1e-12)


@pytest.mark.parametrize("ends", [(-1e300, 1e300), (0.0, 5e-324), (1.0, 1.0 + 2**-52)])
def test_the_widest_range_and_the_narrowest_have_ends_at_0_and_1(
    ends: tuple[float, float],
) -> None:
    assert relative(Float(*ends), np.array(ends)).tolist() == [0.0, 1.0]


def test_the_position_of_a_choice_is_its_index_and_that_of_a_single_value_the_middle() -> None:
    space: dict[str, Parameter] = {"kind": SPACE["kind"], "one": SPACE["one"]}
    given_: list[Settings] = [{"kind": choice, "one": 2.0} for choice in (3, "a", None)]
    assert positions(space, given_).tolist() == [[2, 0.5], [0, 0.5], [1, 0.5]]
    assert are_choices(space).tolist() == [True, False]


@pytest.mark.parametrize("range_", [Float(1e-8, 0.1, log=True, zero=0.1), Float(1, 2, zero=0.1)])
def test_a_zero_counts_as_the_low_end(range_: Float) -> None:
    given_: list[Settings] = [{"decay": 0.0}, {"decay": range_.low}, {"decay": range_.high}]
    assert positions({"decay": range_}, given_).tolist() == [[0], [0], [1]]


def test_positions_move_to_whole_numbers_and_steps_and_choices_stay() -> None:
    X = np.random.default_rng(0).random((200, len(SPACE)))
    X[:, 4] = np.arange(200) % 3
    moved = snapped(SPACE, X.copy())
    np.testing.assert_array_equal(moved[:, [0, 4]], X[:, [0, 4]])
    np.testing.assert_array_equal(moved[:, 5], 0.5)
    np.testing.assert_allclose(moved[:, 1], np.round(X[:, 1] * 10) / 10, atol=1e-12)
    np.testing.assert_allclose(moved[:, 3], np.round(X[:, 3] * 4) / 4, atol=1e-12)
    again = positions(SPACE, [setting(SPACE, x) for x in moved])
    np.testing.assert_allclose(again, moved, atol=1e-9)
    assert set(np.round(X[:, 1] * 10)) == set(range(11))  # every step was there
