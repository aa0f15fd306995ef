"""Settings as Python: what is printed runs, and makes the estimator that was asked for."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.svm import SVC

from hpo.plan.plan import make_plan, to_json
from studies.pages.snippet import ESTIMATOR, snippet
from trainer import MLPClassifier
from trainer.fields import hidden_layers


def plan(**fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(to_json(make_plan({"source": "wine", **fields})))
    return made


def run(text: str, load: Any) -> Any:
    X, y = load(return_X_y=True)
    names = {"X": X, "y": y}
    exec(text, names)  # noqa: S102  # that it runs is what is to be shown
    return names["model"]


def test_an_estimator_has_the_settings_and_what_the_plan_fixes() -> None:
    settings = {"learning_rate": 1e-05, "units": 7, "layers": 2, "activation": "tanh"}
    text = snippet(plan(batch_size=16, epochs=3), settings, task="classification")
    assert text is not None
    assert max(map(len, text.splitlines())) <= 88
    network = run(text, load_wine)[-1].get_params()
    assert network["hidden_layer_sizes"] == (7, 7)
    assert (network["learning_rate"], network["activation"]) == (1e-05, "tanh")
    assert (network["batch_size"], network["epochs"], network["random_state"]) == (16, 3, 0)
    assert (network["optimizer"], network["dtype"]) == ("momentum", "float32")


def test_quantities_have_a_regressor_and_images_their_own_scale() -> None:
    text = snippet(plan(hidden="9,8"), {"learning_rate": 0.01}, task="regression")
    assert run(text or "", load_diabetes)[-1].get_params()["hidden_layer_sizes"] == (9, 8)
    image = snippet(plan(source="mnist:x"), {"learning_rate": 0.01}, task="classification")
    assert "model.fit(X / 255, y)" in (image or "")
    assert run(image or "", load_wine).get_params()["hidden_layer_sizes"] == (50,)


@pytest.mark.parametrize("shape", [{}, {"units": 4}, {"layers": 3}, {"units": 4, "layers": 2}])
def test_hidden_layers_are_those_that_were_trained(shape: dict[str, int]) -> None:
    for hidden in ((9,), (9, 9)):
        text = snippet(plan(hidden=hidden), {"learning_rate": 0.1, **shape}, task="regression")
        sizes = hidden_layers(hidden, **shape)
        assert f"hidden_layer_sizes={sizes!r}," in " ".join((text or "").split())


def test_what_is_printed_is_what_the_estimator_takes() -> None:
    assert set(inspect.signature(MLPClassifier).parameters) > set(ESTIMATOR)


def test_the_parameters_of_a_function_are_python() -> None:
    made = plan(source=None, trainer="my_model:train", space={"x": "0:1"})
    names: dict[str, Any] = {}
    exec(snippet(made, {"x": 0.5, "kind": "a'b"}) or "", names)  # noqa: S102
    assert names["params"] == {"x": 0.5, "kind": "a'b"}


def test_the_parameters_of_an_estimator_are_set() -> None:
    made = plan(source=None, trainer="hpo:SearchCV", space={"C": "0.1:1"})
    names: dict[str, Any] = {"estimator": SVC()}
    exec(snippet(made, {"C": 0.5}) or "", names)  # noqa: S102
    assert names["estimator"].C == 0.5


@pytest.mark.parametrize(
    ("fields", "settings"),
    [
        ({"schedule": "cosine"}, {"learning_rate": 0.1}),
        ({}, {"learning_rate": 0.1, "clip_norm": 1.0}),
        ({}, {"weight_decay": 0.1}),
    ],
)
def test_what_the_estimator_has_not_is_not_said(fields: Any, settings: dict[str, Any]) -> None:
    assert snippet(plan(**fields), settings, task="classification") is None


def test_of_optunas_studies_nothing_is_said() -> None:
    assert snippet({}, {"x": 1.0}) is None
