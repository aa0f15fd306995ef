"""Splits are as they should be, and what is learned is learned from training rows alone."""

# Law 7: training rows teach, validation rows choose, test rows are seen once.

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.data.tables import (
    PARTS,
    Write,
    counted,
    loaded,
    numbers_of,
    one_line,
    parts,
    positions,
    table_of,
)
from trainer.data import (
    TEST,
    Splits,
    Which,
    load,
    read,
    split,
)
from trainer.data.encoding import MAX_CATEGORIES
from trainer.errors import DataError


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(3, 60), min_size=2, max_size=5).filter(lambda sizes: sum(sizes) > 25),
    st.integers(0, 2**32 - 1),
)
def test_splits_are_disjoint_hold_every_row_and_give_each_class_its_share(
    sizes: list[int], seed: int
) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    frame = pd.DataFrame({"x": np.arange(len(labels), dtype=float)})
    table = table_of(frame, labels)
    found = positions(table, seed)
    assert sorted(np.concatenate([*found.values()])) == list(range(len(labels)))
    done = parts(table, seed)
    for part, share in zip(PARTS, (0.6, 0.2, 0.2), strict=True):
        y = done[part].y
        np.testing.assert_array_equal(y, labels[found[part]])
        assert abs(len(y) - share * len(labels)) <= 2
        for label, size in enumerate(sizes):
            assert abs(np.sum(y == label) - share * size) < 2


@pytest.mark.parametrize("source", ["wine", "diabetes"])
def test_a_seed_gives_the_same_splits_again_and_another_seed_others(source: str) -> None:
    table = read(source)
    first, again, other = (positions(table, seed) for seed in (0, 0, 1))
    for part in PARTS:
        np.testing.assert_array_equal(first[part], again[part])
        assert set(first[part]) != set(other[part])


@pytest.mark.parametrize("source", ["iris", "diabetes"])
def test_rows_are_drawn_once_and_the_test_rows_stay_what_they_were(source: str) -> None:
    table = read(source)
    full, drawn = positions(table, 5), positions(table, 5, rows=60)
    np.testing.assert_array_equal(drawn["test"], full["test"])
    assert (len(drawn["train"]), len(drawn["validation"])) == (45, 15)
    assert not {*drawn["test"]} & {*drawn["train"], *drawn["validation"]}
    everything = len(full["train"]) + len(full["validation"])
    for part in PARTS:
        np.testing.assert_array_equal(positions(table, 5, rows=everything)[part], full[part])


@pytest.mark.parametrize("rows", [None, 60])
@pytest.mark.parametrize("source", ["iris", "diabetes"])
def test_a_fresh_split_divides_the_same_rows_anew(source: str, rows: int | None) -> None:
    table = counted(read(source))
    first, *fresh = (split(table, 5, k, rows=rows, dtype="float64") for k in (0, 1, 2, -1, -2))

    def searched(splits: Splits) -> set[int]:
        return {*numbers_of(splits.train), *numbers_of(splits.validation)}

    for splits in fresh:
        assert searched(splits) == searched(first)
        assert len(splits.train.y) == len(first.train.y)
    assert len({frozenset(numbers_of(s.validation)) for s in (first, *fresh)}) == 5
    if table.task == "classification":
        for splits in fresh:
            np.testing.assert_array_equal(
                np.bincount(splits.validation.y), np.bincount(first.validation.y)
            )


@pytest.mark.parametrize("rows", [0, 2, 121])
def test_rows_that_can_not_be_drawn_are_told(rows: int) -> None:
    with pytest.raises(DataError, match=r"iris.* 120 rows") as error:
        split(read("iris"), 0, rows=rows)
    assert one_line(error)


def test_a_column_that_is_the_label_in_other_words_is_told(write: Write) -> None:
    # "sure" says it with a blank too; "almost" is wrong once; "row" has almost as many values as there are rows.
    rows = [(i % 77, ["yes", ""][i % 2], "ab"[(i % 2) ^ (i == 7)], "pq"[i % 2]) for i in range(80)]
    path = write("t.csv", ("row", "sure", "almost", "y"), *rows)
    (note,) = split(read(path, "y"), 0, dtype="float32").notes
    assert note.startswith("t: column 'sure' tells the class of every row by itself")


@pytest.mark.parametrize("rows", [1, 11, 118, 119, 121])
def test_a_number_of_rows_that_cannot_be_drawn_is_told_with_those_that_can(rows: int) -> None:
    with pytest.raises(DataError) as caught:
        load("iris", None, seed=0, rows=rows, dtype="float32")(0)
    assert str(caught.value) == (
        f"rows = {rows}: iris has 120 rows beside its test rows: give 12 to 117, "
        "or leave it out for all of them"
    )


@pytest.mark.parametrize("rows", [12, 13, 60, 117, 120])
def test_a_number_of_rows_that_can_be_drawn_is_drawn(rows: int) -> None:
    for seed in range(5):
        made = load("iris", None, seed=seed, rows=rows, dtype="float32")(0)
        assert len(made.train.X) + len(made.validation.X) == rows


def test_the_fingerprint_is_of_the_source_not_of_how_it_is_split() -> None:
    table = read("iris")
    drawn = [split(table, 0), split(table, 1, rows=60), split(table, 0, 1), split(table, 0, TEST)]
    assert {splits.fingerprint for splits in drawn} == {table.fingerprint}
    assert read("iris").fingerprint == table.fingerprint != read("wine").fingerprint


# --- what is learned is learned from training rows ---


def test_training_rows_are_scaled_to_mean_0_and_deviation_1() -> None:
    done = split(read("wine"), 0, dtype="float64")
    np.testing.assert_allclose(done.train.X.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(done.train.X.std(axis=0), 1)
    assert not np.allclose(done.validation.X.mean(axis=0), 0, atol=1e-3)  # by others' statistics


def mixed(count: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=count),
            "gaps": np.where(rng.random(count) < 0.3, np.nan, rng.normal(size=count)),
            "text": rng.choice(["red", "green"], count).astype(object),
        }
    )
    return frame.assign(text=frame["text"].where(rng.random(count) > 0.2, np.nan).astype(object))


@pytest.mark.parametrize("which", [0, 1, TEST])
@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_is_learned_from_rows_that_do_not_train(seed: int, which: Which) -> None:
    labels = np.arange(60) % 3
    frame = mixed(60)
    train = numbers_of(split(counted(table_of(frame, labels)), seed, which, dtype="float64").train)
    wild = frame.copy()
    others = np.setdiff1d(np.arange(60), train)
    wild.loc[others, ["number", "gaps"]] = 1e6
    wild.loc[others, "text"] = [f"new {n}" for n in others]
    wild.loc[others[::3]] = np.nan
    tame, odd = (split(table_of(f, labels), seed, which, dtype="float64") for f in (frame, wild))
    np.testing.assert_array_equal(odd.train.X, tame.train.X)
    assert (odd.validation.X != tame.validation.X).any()
    assert np.isfinite(np.concatenate([odd.train.X, odd.validation.X])).all()


@pytest.mark.parametrize("which", [0, 1, TEST])
def test_rows_that_are_scored_are_read_by_the_training_rows_figures(which: Which) -> None:
    labels = np.arange(60) % 2
    frame = mixed(60)
    table = table_of(frame, labels)
    found, done = (split(t, 0, which, dtype="float64") for t in (counted(table), table))
    train = frame.loc[numbers_of(found.train)]
    for part in ("train", "validation"):
        rows = frame.loc[numbers_of(getattr(found, part))]
        filled = rows["gaps"].fillna(train["gaps"].median())
        known = train["gaps"].fillna(train["gaps"].median())
        expected = {
            "number": (rows["number"] - train["number"].mean()) / train["number"].std(ddof=0),
            "gaps": (filled - known.mean()) / known.std(ddof=0),
            "(missing)": rows["text"].isna(),
            "green": rows["text"] == "green",
            "red": rows["text"] == "red",
        }
        X = getattr(done, part).X
        assert X.shape[1] == 6  # and whether a gap was filled
        for column, values in zip((0, 1, 3, 4, 5), expected.values(), strict=True):
            np.testing.assert_allclose(X[:, column], values.astype(float), atol=1e-12)
        was_missing = rows["gaps"].isna().to_numpy()
        assert len({*X[was_missing, 2]}) == len({*X[~was_missing, 2]}) == 1
        assert X[was_missing, 2][0] > X[~was_missing, 2][0]


def test_a_text_column_that_no_training_row_fills_is_no_error() -> None:
    labels = np.arange(30) % 2
    table = table_of(pd.DataFrame({"t": np.full(30, np.nan, dtype=object)}), labels)
    table.rows.loc[positions(table, 0)["test"], "t"] = "late"  # type: ignore[union-attr]
    done = split(table, 0)
    assert done.train.X.shape[1] == done.validation.X.shape[1] == 1
    np.testing.assert_array_equal(done.train.X, 1)


def test_rare_categories_share_a_column_and_unknown_ones_go_there() -> None:
    rng = np.random.default_rng(0)
    names = np.array([f"c{n:03}" for n in range(200)], dtype=object)
    frame = pd.DataFrame({"t": np.concatenate([np.repeat(names[:10], 40), names])})
    frame = frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)
    table = table_of(frame, np.arange(len(frame)) % 2)
    done = split(table, 0)
    assert done.train.X.shape[1] == MAX_CATEGORIES
    for part in (done.train, done.validation):
        np.testing.assert_array_equal(part.X.sum(axis=1), 1)


def test_a_regression_target_is_scaled_by_the_training_rows_and_can_be_scaled_back() -> None:
    table = read("diabetes")
    found, done = positions(table, 0), split(table, 0, dtype="float64")
    targets = table.labels[found["train"]]
    assert done.target_scale == pytest.approx(targets.std())
    for part in ("train", "validation"):
        back = getattr(done, part).y * done.target_scale + targets.mean()
        np.testing.assert_allclose(back, table.labels[found[part]])


def test_a_constant_target_has_scale_1(write: Write) -> None:
    done = loaded(write("t.csv", ("x", "y"), *((i, 0.5) for i in range(30))))
    assert (done.task, done.target_scale) == ("regression", 1.0)
    np.testing.assert_array_equal(done.train.y, 0)
