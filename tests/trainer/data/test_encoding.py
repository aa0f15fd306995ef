"""What an encoding learns and computes is what scikit-learn's encoders do, to the last bit."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from trainer.data.encoding import MAX_CATEGORIES, PIECE, Encoding
from trainer.data.tables import Table, number_columns

DOUBLE = np.dtype("float64")


def scikit_learns(rows: pd.DataFrame) -> ColumnTransformer:
    numbers = number_columns(rows)
    number = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )
    text = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="(missing)", keep_empty_features=True),
        OneHotEncoder(
            handle_unknown="infrequent_if_exist", max_categories=MAX_CATEGORIES, sparse_output=False
        ),
    )
    texts = [name for name in rows if name not in numbers]
    return ColumnTransformer([("numbers", number, numbers), ("texts", text, texts)])


def table_of(rows: Any, labels: Any = None) -> Table:
    y = np.zeros(len(rows), np.intp) if labels is None else labels
    task, classes = ("classification", ("a", "b")) if labels is None else ("regression", None)
    return Table("t", task, rows, y, classes)  # type: ignore[arg-type]


def same_bits(ours: Any, theirs: Any) -> None:
    assert ours.shape == theirs.shape
    assert np.ascontiguousarray(ours).tobytes() == np.ascontiguousarray(theirs).tobytes()


words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=3)
texts = st.lists(st.just(np.nan) | words, min_size=1, max_size=12)
# Of smaller numbers, the deviation may be 0 as a float32, by which scikit-learn divides.
floats = st.floats(-1e6, 1e6).map(lambda x: x if abs(x) > 1e-30 else 0.0) | st.just(float("nan"))


@settings(deadline=None, max_examples=25)
@given(
    texts=st.lists(texts, max_size=2),
    columns=st.lists(st.lists(floats, min_size=1, max_size=12), max_size=3),
    single=st.booleans(),
    seed=st.integers(0, 9),
)
def test_any_columns_are_encoded_as_scikit_learn_does(
    texts: list[list[Any]], columns: list[list[float]], single: bool, seed: int
) -> None:
    rng, rows = np.random.default_rng(seed), 30
    dtype = "float32" if single else "float64"
    frame = pd.DataFrame(index=range(rows))
    for i, column in enumerate(columns):
        frame[f"n{i}"] = rng.choice(np.array(column, dtype), rows)
    for i, cells in enumerate(texts):
        frame[f"t{i}"] = pd.Series(
            [cells[k] for k in rng.integers(len(cells), size=rows)], dtype=object
        )
    if frame.shape[1] == 0:
        return
    train = np.arange(20)
    encoding = Encoding.learned(table_of(frame), train, DOUBLE)
    theirs = scikit_learns(frame).fit(frame.iloc[train]).transform(frame)
    same_bits(encoding.encode(frame), np.asarray(theirs, float))


@pytest.mark.parametrize("frame", [True, False])
def test_a_deviation_that_is_0_as_a_float32_divides_nothing(frame: bool) -> None:
    numbers = np.array([[0], [1.4e-45]] * 10, "float32")
    rows = pd.DataFrame(numbers, columns=["n"]) if frame else numbers
    encoded = Encoding.learned(table_of(rows), np.arange(20), DOUBLE).encode(rows)
    assert np.abs(encoded).max() < 1e-44


def test_the_rarest_of_many_categories_share_an_input() -> None:
    rng = np.random.default_rng(0)
    cells = [f"c{k}" for k in rng.geometric(0.02, size=3000)]
    frame = pd.DataFrame({"t": pd.Series(cells, dtype=object)})
    train, new = np.arange(2000), pd.DataFrame({"t": ["c1", "never seen", None, "c200"]})
    encoding = Encoding.learned(table_of(frame), train, DOUBLE)
    theirs = scikit_learns(frame).fit(frame.iloc[train])
    assert encoding.inputs.width == MAX_CATEGORIES
    for rows in (frame, new):
        same_bits(encoding.encode(rows), theirs.transform(rows))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_arrays_are_scaled_and_images_divided(dtype: str) -> None:
    rows = np.random.default_rng(0).integers(0, 200, (50, 4)).astype(dtype)
    encoded = Encoding.learned(table_of(rows), np.arange(30), np.dtype("float32")).encode(rows)
    if dtype == "uint8":
        same_bits(encoded, rows / np.float32(255))
    else:
        scaler = StandardScaler().fit(rows[:30])
        same_bits(encoded, scaler.transform(rows).astype("float32"))


def test_pieces_of_rows_are_encoded_as_all_of_them() -> None:
    rng = np.random.default_rng(0)
    count = 2 * PIECE + 7
    frame = pd.DataFrame({"x": rng.normal(size=count), "t": rng.choice(["a", "b"], count)})
    encoding = Encoding.learned(table_of(frame), np.arange(count), DOUBLE)
    whole = encoding.encode(frame)
    same_bits(whole[PIECE - 3 : PIECE + 9], encoding.encode(frame.iloc[PIECE - 3 : PIECE + 9]))
    same_bits(whole, encoding.transform(table_of(frame), np.arange(count)).X)


@pytest.mark.parametrize(
    "rows",
    [
        np.arange(12, dtype="uint8").reshape(3, 4),
        np.arange(12, dtype=float).reshape(3, 4),
        pd.DataFrame({"x": [1.0, np.nan, 3.0], "t": ["a", None, "b"], "7": [1, 2, 3]}),
    ],
)
def test_an_encoding_comes_back_from_plain_arrays_and_json(rows: Any) -> None:
    quantities = np.array([1.0, 5.0, 6.0])
    encoding = Encoding.learned(table_of(rows, quantities), np.arange(3), DOUBLE)
    arrays, facts = encoding.plain()
    again = Encoding.from_plain(arrays, json.loads(json.dumps(facts)))
    assert (again.shift, again.scale) == (encoding.shift, encoding.scale) == (4.0, quantities.std())
    same_bits(again.encode(rows), encoding.encode(rows))
