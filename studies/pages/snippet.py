"""Settings to paste: a scikit-learn estimator, the parameters of a user's function, or the command of a program."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Mapping
from typing import Any

from studies.words import filled

ESTIMATOR = (
    "hidden_layer_sizes", "activation", "optimizer", "learning_rate", "weight_decay", "momentum", "dropout",
    "batch_norm", "batch_size", "init", "epochs", "dtype",
)  # fmt: skip
"""What `trainer.MLPClassifier` and `trainer.MLPRegressor` take of plans and settings, in the order it is printed."""

SHAPE = ("units", "layers")
INDENT = "    "


def snippet(
    plan: Mapping[str, Any], params: Mapping[str, Any], *, task: str | None = None
) -> str | None:
    """A trial's settings and what its plan fixes, as Python or as a command; None if there is none.

    For a network it is a scikit-learn estimator, and `task` is "classification" or "regression". It is None if the
    estimator lacks something, such as a schedule.
    """
    if not plan:
        return None
    if program := plan.get("program"):
        given = {"epochs": plan["epochs"], "seed": plan["seed"]}
        absent = [name for name in plan["space"] if name not in params]
        words = filled(program["command"], {**params, **given}, absent)
        return f"cd {shlex.quote(program['folder'])}\n{shlex.join(words)}\n"
    if plan.get("trainer"):
        if plan["trainer"] == "hpo:SearchCV":
            return f"params = {dict(params)!r}\nestimator.set_params(**params)\n"
        function = plan["trainer"].rpartition(":")[2]
        options = f"with epochs={plan['epochs']} if it takes them"
        return f"params = {dict(params)!r}\n# for {function}(params, …), {options}\n"
    if (
        task is None
        or "learning_rate" not in params  # the network's default is not the estimator's
        or plan.get("schedule", "constant") != "constant"
        or plan.get("preset")  # whose encoding no estimator has
        or not params.keys() <= {*ESTIMATOR, *SHAPE}
        or not all(map(_is_plain, params.values()))
    ):
        return None
    hidden = tuple(plan["hidden"])
    if "layers" in params:
        hidden = hidden[:1] * params["layers"]
    if "units" in params:
        hidden = (params["units"],) * len(hidden)
    values = {"hidden_layer_sizes": hidden, **plan, **params}
    arguments = [f"{name}={values[name]!r}" for name in ESTIMATOR if name in values]
    name = "MLPClassifier" if task == "classification" else "MLPRegressor"
    listed = textwrap.fill(
        ", ".join((*arguments, "random_state=0")),
        80,
        initial_indent=INDENT,
        subsequent_indent=INDENT,
    )
    model = f"{name}(\n{listed},\n)"
    if str(plan["source"]).startswith("mnist:"):
        return f"from trainer import {name}\n\nmodel = {model}\nmodel.fit(X / 255, y)  # images and labels\n"
    model = model.replace("\n", f"\n{INDENT}")
    return (
        "from sklearn.pipeline import make_pipeline\n"
        "from sklearn.preprocessing import StandardScaler\n"
        f"from trainer import {name}\n\n"
        f"model = make_pipeline(\n    StandardScaler(),\n    {model},\n)\n"
        "model.fit(X, y)  # your rows, all columns numbers, and labels\n"
    )


def _is_plain(value: object) -> bool:
    return isinstance(value, bool | int | float | str)
