"""What a trained model answers for new rows, and what it says of those that differ from its training rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import is_classifier, is_regressor
from sklearn.calibration import calibration_curve
from sklearn.inspection import permutation_importance
from sklearn.metrics import ConfusionMatrixDisplay

from tests.trainer.models import animals, model_of
from trainer.data.frames import from_frame
from trainer.errors import DataError
from trainer.model import ClassifierModel, Oddities, RegressorModel


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return animals(200)


@pytest.fixture(scope="module")
def model(frame: pd.DataFrame) -> ClassifierModel:
    model: ClassifierModel = model_of(frame, "kind")
    return model


def test_columns_are_found_by_name_in_any_order_and_others_are_named(
    frame: pd.DataFrame, model: ClassifierModel
) -> None:
    odd = Oddities()
    shuffled = frame[["wings", "noise", "kind", "weight"]].assign(more=1)
    np.testing.assert_array_equal(model.predict(shuffled, odd), model.predict(frame))
    assert odd.unused == ["kind", "more"]
    assert model.score(frame, frame["kind"]) > 0.9


def test_a_missing_column_is_an_error_that_names_it(
    frame: pd.DataFrame, model: ClassifierModel
) -> None:
    with pytest.raises(DataError, match=r"'noise'.*the table has columns 'weight'"):
        model.predict(frame.drop(columns="noise"))
    with pytest.raises(DataError, match=r"3 columns.*'weight', 'noise', 'wings'"):
        model.predict(np.zeros((4, 7)))


def test_an_array_has_the_columns_in_their_order(
    frame: pd.DataFrame, model: ClassifierModel
) -> None:
    names = list(model.feature_names_in_)
    array = frame[names].to_numpy(object)
    np.testing.assert_array_equal(model.predict(array), model.predict(frame))


def test_categories_that_it_never_saw_and_texts_that_are_no_numbers_are_counted(
    frame: pd.DataFrame, model: ClassifierModel
) -> None:
    new = frame.head(5).astype({"weight": object})
    new.loc[0, "noise"], new.loc[1, "noise"], new.loc[2, "weight"] = "moo", "moo", "heavy"
    odd = Oddities()
    probabilities = model.predict_proba(new, odd)
    assert odd.unseen == {"noise": {"moo": 2}}
    assert odd.not_numbers == {"weight": {"heavy": 1}}
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_a_row_without_any_value_has_an_answer(model: ClassifierModel) -> None:
    nothing = pd.DataFrame({"weight": [None], "noise": [None], "wings": [None]})
    assert np.isfinite(model.predict_proba(nothing)).all()


@pytest.mark.parametrize(
    ("labels", "kind"), [(["yes", "no"], object), ([0, 7], np.int64), ([True, False], np.bool_)]
)
def test_classes_are_of_the_kind_that_the_table_has(labels: list[Any], kind: type) -> None:
    frame = animals(60)
    frame["kind"] = [labels[k % 2] for k in range(60)]
    model = model_of(frame, "kind")
    predicted = model.predict(frame)
    assert predicted.dtype == kind
    assert set(predicted) <= set(labels)


def test_scikit_learn_takes_it_for_a_fitted_estimator(
    frame: pd.DataFrame, model: ClassifierModel
) -> None:
    assert is_classifier(model)
    assert not is_regressor(model)
    rows = frame[list(model.feature_names_in_)]
    importance = permutation_importance(model, rows, frame["kind"], n_repeats=2, random_state=0)
    assert importance.importances_mean.shape == (3,)
    calibration_curve(frame["kind"] == "bird", model.predict_proba(rows)[:, 0])
    ConfusionMatrixDisplay.from_estimator(model, rows, frame["kind"])
    with pytest.raises(TypeError, match="trained"):
        model.fit(rows, frame["kind"])


def test_several_networks_answer_with_their_mean(frame: pd.DataFrame) -> None:
    both = model_of(frame, "kind", settings=[{"learning_rate": 0.1}, {"learning_rate": 0.01}])
    each = [model_of(frame, "kind", settings=[s.settings]) for s in both.networks]
    mean = np.mean([one.predict_proba(frame) for one in each], axis=0)
    np.testing.assert_allclose(both.predict_proba(frame), mean, rtol=1e-12)


def test_quantities_are_in_the_units_of_the_table_and_have_an_interval() -> None:
    frame = animals(300)
    model = model_of(frame, "weight", margin=12.0)
    assert isinstance(model, RegressorModel)
    assert is_regressor(model)
    estimates = model.predict(frame)
    assert model.score(frame, frame["weight"]) > 0.5
    np.testing.assert_allclose(
        model.predict_interval(frame), np.stack([estimates - 12, estimates + 12], axis=1)
    )
    without = model_of(frame, "weight")
    with pytest.raises(ValueError, match="no interval"):
        without.predict_interval(frame)


def test_new_numbers_are_read_in_the_notation_of_the_training_rows() -> None:
    frame = animals(200)
    frame["price"] = [f"€ {k % 50 + 1000:,}".replace(",", ".") + ",50" for k in range(200)]
    table = from_frame("t", frame, "kind", "t")
    assert table.columns[-1].mark == ","
    model = model_of(frame, "kind")
    assert isinstance(model, ClassifierModel)
    odd = Oddities()
    one = frame.tail(1).assign(price="€ 1.234,5")
    same = frame.tail(1).assign(price=1234.5)
    np.testing.assert_array_equal(model.predict_proba(one, odd), model.predict_proba(same))
    assert not odd.not_numbers
