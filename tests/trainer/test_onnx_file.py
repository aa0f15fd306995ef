"""An ONNX file answers in ONNX Runtime what the model answers, whatever its columns, networks and rows are."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from tests.trainer.models import animals, model_of, model_of_table
from trainer.arrays import Array
from trainer.data.encoding import MAX_CATEGORIES, MISSING, Columns, Pixels, Scaled
from trainer.data.tables import Table
from trainer.data.texts import MISSING as MISSING_WORDS
from trainer.errors import DataError
from trainer.layers import ACTIVATIONS
from trainer.model import ClassifierModel, Model, RegressorModel
from trainer.onnx_file import notes, save_onnx, to_onnx

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

TOLERANCE = 1e-9  # of probabilities, and of quantities relative to their size: 1e-5 is promised


def session_of(model: Model) -> Any:
    proto = to_onnx(model)
    onnx.checker.check_model(proto, full_check=True)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    return runtime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def cells(session: Any, rows: Any) -> dict[str, Array]:
    """What somebody who knows no more than the page of the format says passes to it."""
    if not isinstance(rows, pd.DataFrame):
        return {"X": rows}
    types = {"tensor(double)": np.float64, "tensor(float)": np.float32, "tensor(string)": object}
    found = {}
    for of in session.get_inputs():
        column = rows[of.name]
        if of.type == "tensor(string)":
            words = column.astype(object).where(column.notna(), "")
            column = words.where(~words.map(str).str.lower().isin(MISSING_WORDS), "")
        found[of.name] = column.to_numpy(types[of.type])[:, None]
    return found


def agree(model: Model, *tables: Any) -> None:
    session = session_of(model)
    for rows in tables:
        (first, *others) = session.run(None, cells(session, rows))
        outputs = [of.name for of in session.get_outputs()]
        if isinstance(model, ClassifierModel):
            assert outputs == ["label", "probabilities"]
            expected = model.predict_proba(rows)
            np.testing.assert_allclose(others[0], expected, rtol=0, atol=TOLERANCE)
            np.testing.assert_array_equal(first, model.classes_[others[0].argmax(axis=1)])
            order = np.sort(expected, axis=1)
            clear = order[:, -1] - order[:, -2] > TOLERANCE
            np.testing.assert_array_equal(first[clear], model.predict(rows)[clear])
        else:
            expected = model.predict(rows)
            np.testing.assert_allclose(first, expected, rtol=TOLERANCE, atol=TOLERANCE)
            assert outputs == ["quantity", *(["low", "high"] if model.margin is not None else [])]
            if model.margin is not None:
                ends = model.predict_interval(rows)
                np.testing.assert_allclose(
                    np.stack(others, 1), ends, rtol=TOLERANCE, atol=TOLERANCE
                )


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return animals(200)


@pytest.fixture(scope="module")
def new(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows with categories that no training row has, and with nothing at all."""
    rows = frame.copy()
    rows.loc[:40, "noise"] = "moo"
    rows.loc[30:60, ["weight", "noise", "wings"]] = None
    rows.loc[50:80, "wings"] = np.nan
    rows.loc[90, "weight"] = 1e9
    return rows


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("target", ["kind", "weight"])
def test_numbers_and_texts_through_every_activation_with_batch_normalization(
    frame: pd.DataFrame, new: pd.DataFrame, activation: str, target: str
) -> None:
    model = model_of(frame, target, activation=activation, batch_norm=True, hidden=(6, 4))
    assert np.ptp(model.networks[0].statistics) > 0
    agree(model, frame, new, frame.head(1))


@pytest.mark.parametrize("recipe", [{"hidden": ()}, {"hidden": (8, 6, 4)}], ids=["none", "three"])
def test_no_hidden_layer_and_several(
    frame: pd.DataFrame, new: pd.DataFrame, recipe: dict[str, Any]
) -> None:
    agree(model_of(frame, "kind", **recipe), frame, new)
    agree(model_of(frame, "weight", margin=2.5, **recipe), frame, new)


def test_rare_categories_and_those_that_no_training_row_has(frame: pd.DataFrame) -> None:
    many = frame.assign(town=[f"town {k % 90 if k % 3 else 0}" for k in range(len(frame))])
    many.loc[::17, "town"] = None
    model = model_of(many, "kind")
    inputs = model.encoding.inputs
    assert isinstance(inputs, Columns)
    assert len(inputs.categories[1]) == MAX_CATEGORIES - 1
    rare = inputs.rare[1]
    new = many.assign(town=[*rare, *["nowhere"] * (len(many) - len(rare))])
    agree(model, many, new)
    session = session_of(model)
    of_rare, of_unseen = (
        session.run(["probabilities"], cells(session, many.head(1).assign(town=[town])))[0]
        for town in (rare[0], "nowhere")
    )
    np.testing.assert_array_equal(of_rare, of_unseen)


def test_a_missing_text_is_what_it_was_in_the_training_rows(frame: pd.DataFrame) -> None:
    with_gaps = frame.assign(noise=frame["noise"].mask(frame.index % 4 == 0))
    without = frame.assign(noise=frame["noise"].fillna("meow"))
    empty, word = (frame.assign(noise=value) for value in (None, MISSING))
    for table in (with_gaps, without):
        agree(model_of(table, "kind"), empty, word)


def test_columns_of_one_kind_constant_ones_and_single_precision(frame: pd.DataFrame) -> None:
    for rows in (
        frame[["weight", "wings", "kind"]],
        frame[["noise", "kind"]],
        frame.assign(wings=7, noise="meow"),
        frame[["weight", "wings", "kind"]].astype({"weight": "float32", "wings": "float32"}),
        frame.assign(year=2_000_000_000 + frame["wings"]),
    ):
        agree(model_of(rows, "kind"), rows, rows.head(1))


def test_an_ensemble_of_several_shapes_answers_with_its_mean(
    frame: pd.DataFrame, new: pd.DataFrame
) -> None:
    for target, kind in (("kind", ClassifierModel), ("weight", RegressorModel)):
        parts = [
            model_of(frame, target, settings=[{"learning_rate": 0.1}, {"learning_rate": 0.01}]),
            model_of(frame, target, hidden=(5, 3), activation="tanh", batch_norm=True),
            model_of(frame, target, hidden=()),
        ]
        model = parts[0]
        model.networks = tuple(network for part in parts for network in part.networks)
        assert isinstance(model, kind)
        assert len(model.networks) == 4
        agree(model, frame, new)


def test_one_row_no_row_and_ten_thousand_rows(frame: pd.DataFrame) -> None:
    model = model_of(frame, "kind")
    agree(model, frame.head(1), frame.sample(10_000, replace=True, random_state=0))
    session = session_of(model)
    labels, probabilities = session.run(None, cells(session, frame.head(0)))
    assert (labels.shape, probabilities.shape) == ((0,), (0, 3))


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8"])
def test_arrays_of_floats_and_of_bytes(dtype: str) -> None:
    digits = load_digits()
    X = digits.data[:400].astype(dtype)
    names = tuple(map(str, range(10)))
    table = Table("digits", "classification", X, digits.target[:400].astype(np.intp), names)
    model = model_of_table(table)
    assert isinstance(model.encoding.inputs, Pixels if dtype == "uint8" else Scaled)
    rows = X if dtype == "uint8" else X.astype(float)
    agree(model, rows, rows[:1])
    assert len({*model.predict(X)}) > 3


def test_labels_are_text_whole_numbers_or_booleans_as_the_classes_are(frame: pd.DataFrame) -> None:
    kinds: dict[str, list[Any]] = {
        "tensor(string)": ["no", "ja"],
        "tensor(int64)": [-3, 7],
        "tensor(bool)": [True, False],
    }
    for kind, labels in kinds.items():
        rows = frame.assign(kind=[labels[k % 2] for k in range(len(frame))])
        model = model_of(rows, "kind")
        assert session_of(model).get_outputs()[0].type == kind
        agree(model, rows)


text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=4
).map(str.strip).filter(bool)  # fmt: skip  # the runtime's Python API ends a text at a NUL
COLUMNS = {
    "number": st.none()
    | st.integers(-4000, 4000).map(lambda k: k / 4)
    | st.sampled_from([0.0, 1.0]),
    "text": st.none() | st.sampled_from(["a", "b", "NA", MISSING]) | text,
}


@settings(deadline=None, max_examples=10)
@given(data=st.data())
def test_any_small_table_whatever_new_rows_hold(data: st.DataObject) -> None:
    names = data.draw(st.lists(text, min_size=1, max_size=4, unique=True))
    kinds = {name: data.draw(st.sampled_from([*COLUMNS])) for name in names}
    rows = data.draw(st.integers(4, 12))

    def drawn() -> pd.DataFrame:
        return pd.DataFrame(
            {
                name: pd.Series(
                    data.draw(st.lists(COLUMNS[kind], min_size=rows, max_size=rows)),
                    dtype="float64" if kind == "number" else object,
                )
                for name, kind in kinds.items()
            }
        )

    table = drawn()
    table.iloc[0] = [1.0 if kind == "number" else "word" for kind in kinds.values()]
    is_class = data.draw(st.booleans())
    labels = ["x", "y"] * rows if is_class else [k + 0.5 for k in range(rows)]
    target = "the target of a table"
    model = model_of(
        table.assign(**{target: labels[:rows]}), target, margin=None if is_class else 1.0,
        activation=data.draw(st.sampled_from([*ACTIVATIONS])), batch_norm=data.draw(st.booleans()),
        hidden=data.draw(st.sampled_from([(), (3,), (3, 2)])),
    )  # fmt: skip
    agree(model, table, drawn())


def test_columns_may_have_any_name_and_outputs_give_way(frame: pd.DataFrame) -> None:
    names = {"weight": "label", "wings": "Gemm_7", "noise": "Größe (cm)/é\n"}
    rows = frame.rename(columns=names).assign(constant_0=frame["wings"], predicted_label=1)
    model = model_of(rows, "kind")
    session = session_of(model)
    inputs = [of.name for of in session.get_inputs()]
    assert inputs == [column.name for column in model.columns]
    assert [of.name for of in session.get_outputs()] == [
        "predicted_predicted_label",
        "probabilities",
    ]
    (found,) = session.run(["probabilities"], cells(session, rows))
    np.testing.assert_allclose(found, model.predict_proba(rows), atol=TOLERANCE)
    (line,) = notes(model)
    assert "'label'" in line
    assert "'predicted_predicted_label'" in line


def test_a_column_without_a_name_is_refused(frame: pd.DataFrame, tmp_path: Path) -> None:
    model = model_of(frame.rename(columns={"wings": ""}), "kind")
    with pytest.raises(DataError, match="no name"):
        save_onnx(model, tmp_path / "m.onnx")
    assert not [*tmp_path.iterdir()]


def test_the_file_says_where_it_comes_from_and_what_missing_means(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    model = model_of(frame, "kind")
    model.about = {"study": "animals", "hpo": "0.1.0", "rows": 200}
    path = tmp_path / "m.onnx"
    save_onnx(model, path)
    content = path.read_bytes()
    save_onnx(model, path)
    assert path.read_bytes() == content
    assert [*tmp_path.iterdir()] == [path]
    proto = onnx.load(path)
    assert (proto.producer_name, proto.producer_version) == ("hpo", "0.1.0")
    facts = {entry.key: entry.value for entry in proto.metadata_props}
    assert facts["study"] == "animals"
    assert json.loads(facts["classes"]) == ["bird", "cat", "dog"]
    assert [column["kind"] for column in json.loads(facts["columns"])] == [
        "number",
        "text",
        "number",
    ]
    assert "NaN" in facts["missing"]
    assert json.loads(facts["about"])["rows"] == 200
    assert all(value.doc_string for value in (*proto.graph.input, *proto.graph.output))


def test_notes_name_columns_whose_cells_the_graph_can_not_read(frame: pd.DataFrame) -> None:
    assert notes(model_of(frame, "kind")) == []
    days = pd.date_range("2024-01-01", periods=200).strftime("%Y-%m-%d")
    prices = [f"€ {k % 50 + 1000:,}".replace(",", ".") + ",50" for k in range(200)]
    rows = frame.assign(price=prices, day=days)
    model = model_of(rows, "kind")
    price, day = notes(model)
    assert "'price'" in price
    assert "€" in price
    assert "'day'" in day
    assert "'2024-01-01'" in day
    agree_as_floats = rows.assign(price=[k % 50 + 1000.5 for k in range(200)])
    agree(model, agree_as_floats)


def test_without_the_package_one_line_says_how_to_install_it(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(frame, "kind")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(DataError, match=r"^\S+m\.onnx needs .* pip install onnx$"):
        save_onnx(model, tmp_path / "m.onnx")
