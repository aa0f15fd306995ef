"""Numbers in bins: what a formula says, learned from training rows alone, and kept in a model file."""

# Law 7: training rows teach.

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import hpo
from trainer.data.bins import BINS, MOST, Bins
from trainer.data.encoding import Encoding
from trainer.data.memory import InMemory
from trainer.model_file import load, save

RNG = np.random.default_rng(0)
WIDTH = 1 + 1 + 2 + BINS  # of `mixed`: a, where it is missing, two kinds, the bins of a
BINNED: dict[str, Any] = {"seed": 0, "rows": None, "dtype": "float64", "binned": True}


def written(bins: Bins, inputs: Any) -> Any:
    out = np.empty((len(inputs), inputs.shape[1] + bins.count))
    bins.write(inputs, out)
    return out


def filled(bins: Bins, numbers: Any) -> Any:
    """How far numbers fill the bins, before that is scaled."""
    return written(bins, numbers)[:, numbers.shape[1] :] * bins.scale + bins.mean


def test_a_number_fills_one_bin_after_the_other() -> None:
    values = np.arange(1.0, 82.0)[:, None]  # eight bins of 10
    by_hand = np.clip((values - np.arange(1, 72, 10)) / 10, 0, 1)
    assert filled(Bins.learned(values), values) == pytest.approx(by_hand)


def test_beyond_the_training_rows_the_outer_bins_go_on_for_a_while() -> None:
    out = filled(
        Bins.learned(np.arange(1.0, 82.0)[:, None]), np.array([[-9.0], [-1e9], [91.0], [1e9]])
    )
    assert out[:, 0] == pytest.approx([-1, -3, 1, 1])
    assert out[:, -1] == pytest.approx([0, 0, 2, 4])


def test_bins_of_training_rows_have_mean_0_and_variance_1_and_the_inputs_stay() -> None:
    numbers, rest = RNG.lognormal(size=(500, 2)), RNG.integers(2, size=(500, 3))
    inputs = np.concatenate([numbers, rest], axis=1)
    out = written(Bins.learned(numbers), inputs)
    assert np.array_equal(out[:, :5], inputs)
    assert out[:, 5:].mean(axis=0) == pytest.approx(0, abs=1e-9)
    assert out[:, 5:].std(axis=0) == pytest.approx(1)


@given(
    arrays(np.float64, (12, 2), elements=st.floats(-1e6, 1e6)),
    arrays(np.float64, (5, 2), elements=st.floats(-1e150, 1e150)),
)
def test_whatever_the_numbers_inputs_are_finite(numbers: Any, others: Any) -> None:
    assert np.isfinite(written(Bins.learned(numbers), others)).all()


def test_constants_and_yes_or_no_have_no_bins_and_very_many_numbers_neither() -> None:
    numbers = np.stack([np.ones(40), np.arange(40) % 2], axis=1)
    assert Bins.learned(numbers).count == 0
    assert Bins.learned(RNG.normal(size=(20, MOST + 1))).count == 0


def mixed() -> pd.DataFrame:
    frame = pd.DataFrame({"a": RNG.normal(size=300), "kind": RNG.choice(["x", "y"], 300)})
    frame["y"] = np.sin(5 * frame["a"]) + 0.1 * RNG.normal(size=300)
    frame.loc[::7, "a"] = np.nan
    return frame


def test_other_rows_change_nothing_that_was_learned() -> None:
    frame = mixed()
    draw = InMemory(frame).load("memory:y", "y", **BINNED)
    others = ~frame.index.isin(draw.positions(1)[0])
    changed = frame.assign(a=frame["a"].mask(others, 1e6))
    again = InMemory(changed).load("memory:y", "y", **BINNED)
    assert np.array_equal(draw(1).train.X, again(1).train.X)
    assert draw(1).train.X.shape[1] == WIDTH


def test_classes_have_no_bins() -> None:
    frame = mixed().assign(y=lambda f: np.where(f["y"] > 0, "yes", "no"))
    assert InMemory(frame).load("memory:y", "y", **BINNED)(0).encoding.bins is None


def test_an_encoding_is_the_same_from_its_plain_parts() -> None:
    table = InMemory(mixed()).load("memory:y", "y", **BINNED).table
    encoding = Encoding.learned(table, np.arange(200), np.dtype("float32"), binned=True)
    again = Encoding.from_plain(*encoding.plain())
    assert np.array_equal(encoding.encode(table.rows), again.encode(table.rows))
    assert again.width == encoding.width == WIDTH


def test_a_search_with_the_preset_is_reproduced_and_its_model_is_kept(tmp_path: Path) -> None:
    storage, data = f"sqlite:///{tmp_path / 's.db'}", InMemory(mixed())
    plan: dict[str, Any] = {"trials": 16, "epochs": 5, "seed": 1, "storage": storage}
    study = hpo.search(data.X, target="y", name="t", preset="tabular", schedule="constant", **plan)
    stored = study.read().plan
    chosen = [stored[name] for name in ("preset", "optimizer", "schedule")]
    assert chosen == ["tabular", "adamw", "constant"]
    assert hpo.reproduce("t", 3, storage=storage, X=data.X).difference is None
    model = hpo.train("t", storage=storage, X=data.X)
    assert model.networks[0].network.sizes[0] == WIDTH
    save(model, tmp_path / "m.hpo")
    X = data.X.drop(columns="y")
    assert np.array_equal(load(tmp_path / "m.hpo").predict(X), model.predict(X))
