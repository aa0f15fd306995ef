"""The way backward, against central finite differences in float64 of formulas that know nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from tests.trainer.shared import (
    STEP,
    WORST,
    Array,
    LossesOf,
    MakeTargets,
    OutputsOf,
    PathOf,
    relative_error,
    weights_of,
)
from trainer.layers import ACTIVATIONS
from trainer.losses import LOSSES
from trainer.network import Network, Workspace
from trainer.recipe import Recipe, Rows
from trainer.stack import WHOLE

ROWS = 7
SMOOTHING = [0.0, 0.3]  # of each trial
PROBLEMS = [
    ("binary_cross_entropy", 1),
    ("binary_cross_entropy", 3),
    ("categorical_cross_entropy", 4),
    ("sparse_categorical_cross_entropy", 2),
    ("sparse_categorical_cross_entropy", 4),
    ("squared_error", 1),
    ("squared_error", 3),
]


def numeric(function: Callable[[Array], float], theta: Array) -> Array:
    """∂function/∂theta, one number of theta (P,) after the other moved a little up and down."""
    return np.array(
        [
            (function(theta + move) - function(theta - move)) / (2 * STEP)
            for move in np.eye(len(theta)) * STEP
        ]
    )


def test_every_loss_is_a_problem_here() -> None:
    assert {loss for loss, _ in PROBLEMS} == LOSSES.keys()


# --- one pass: forward, the loss's gradient, backward ---


class Pass:
    """K trials with parameters and rows of their own making, and the gradient (K, P) that a pass over them finds."""

    def __init__(
        self,
        network: Network,
        loss: str,
        targets: Callable[[np.random.Generator], Array],
        rates: list[float],
        seed: int,
    ) -> None:
        rng = np.random.default_rng(seed)
        self.network = network
        self.theta = rng.standard_normal((len(rates), network.parameter_count)) * 0.7
        for layer, views in enumerate(network.views(self.theta)):
            views.bias[...] *= network.ones(layer)
        self.X, self.y = rng.standard_normal((ROWS, network.sizes[0])), targets(rng)
        self.counts = rng.random(ROWS)  # how much each row counts
        self.gradient = np.full_like(self.theta, np.nan)
        statistics = np.zeros((len(rates), network.statistics))
        dbeyond = self.gradient[:, network.beyond()]
        workspace = Workspace(network, self.theta, statistics, ROWS, dbeyond)
        self.masks: list[Array] | None = None
        if any(rates):
            workspace.drop(rng, np.array(rates)[:, None, None])
            self.masks = [m[:, :-1].swapaxes(1, 2).copy() for m in workspace.masks or []]
        with np.errstate(all="ignore"):  # of what stood in memory where nothing is written yet
            outputs = workspace.forward(self.X)
            LOSSES[loss].gradient(outputs, self.y, np.array(SMOOTHING)[:, None, None])
            outputs *= self.counts[:, None]
            views_of_gradient = network.views(self.gradient)
            for layer, dz in workspace.backward():
                into = workspace.inputs[layer].swapaxes(-1, -2)
                views_of_gradient[layer].affine[...] = into @ dz

    def masks_of(self, trial: int) -> list[Array] | None:
        return None if self.masks is None else [mask[trial] for mask in self.masks]


@pytest.mark.parametrize("rates", [[0.0, 0.0], [0.0, 0.3]], ids=["no dropout", "dropout"])
@pytest.mark.parametrize("batch_norm", [False, True], ids=["no batch norm", "batch norm"])
@pytest.mark.parametrize(("loss", "outputs"), PROBLEMS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_backward_is_the_slope_of_the_weighted_loss(
    activation: str,
    loss: str,
    outputs: int,
    batch_norm: bool,
    rates: list[float],
    outputs_of: OutputsOf,
    losses_of: LossesOf,
    make_targets: MakeTargets,
) -> None:
    network = Network((4, 6, 5, outputs), activation, batch_norm)

    def near_a_kink(made: Pass) -> bool:
        given = [
            z
            for trial, theta in enumerate(made.theta)
            for z in outputs_of(network, theta, made.X, masks=made.masks_of(trial))[1]
        ]
        return "relu" in activation and min(np.abs(z).min() for z in given) < 100 * STEP

    for seed in range(1000):
        made = Pass(network, loss, lambda rng: make_targets(loss, outputs, ROWS, rng), rates, seed)
        if not near_a_kink(made):
            break
    else:
        raise AssertionError("no draw kept away from the kinks")

    for trial, smoothing in enumerate(SMOOTHING):

        def weighted_loss(theta: Array, trial: int = trial, smoothing: float = smoothing) -> float:
            logits, _ = outputs_of(network, theta, made.X, masks=made.masks_of(trial))
            return float(made.counts @ losses_of(loss, logits, made.y, smoothing))

        expected = numeric(weighted_loss, made.theta[trial])
        pieces = [network.block(layer) for layer in range(network.layers)]
        pieces += [network.beyond()] if batch_norm else []
        for piece in pieces:
            assert relative_error(made.gradient[trial, piece], expected[piece]) <= WORST


def test_a_bias_that_batch_norm_makes_needless_has_no_gradient(make_targets: MakeTargets) -> None:
    network = Network((4, 5, 3, 2), batch_norm=True)
    loss = "squared_error"
    made = Pass(network, loss, lambda rng: make_targets(loss, 2, ROWS, rng), [0.0, 0.0], 0)
    *hidden, last = network.views(made.gradient)
    assert all((layer.bias == 0).all() for layer in hidden)
    assert (last.bias != 0).all()


# --- one step of a stack: the same, with all that a step adds ---

PENALTIES: list[Mapping[str, float | str]] = [
    {"learning_rate": 0.1},
    {"learning_rate": 0.2, "weight_decay": 0.3},
    {"learning_rate": 0.05, "l1": 0.2},
    {"learning_rate": 0.3, "weight_decay": 0.2, "l1": 0.1, "label_smoothing": 0.2},
]


def row_counts(recipe: Recipe, rows: Rows) -> Array:
    """How much each row counts of all: by its own weight and that of its class."""
    counts = np.ones(len(rows.X)) if rows.weights is None else rows.weights
    if recipe.class_weight is not None:
        counts = counts * np.array(recipe.class_weight)[rows.y]
    return np.asarray(counts / counts.sum())


@pytest.mark.parametrize("class_weight", [None, (0.5, 1.0, 3.0)])
@pytest.mark.parametrize("sample_weight", [False, True])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_step_of_sgd_goes_down_the_slope_of_the_loss_and_its_penalties(
    batch_norm: bool,
    sample_weight: bool,
    class_weight: tuple[float, ...] | None,
    outputs_of: OutputsOf,
    losses_of: LossesOf,
    path_of: PathOf,
) -> None:
    rng = np.random.default_rng(3)
    rows = Rows(
        rng.standard_normal((12, 4)),
        rng.integers(0, 3, 12),
        rng.random(12) if sample_weight else None,
    )
    recipe = Recipe(
        3,
        hidden=(5,),
        activation="tanh",
        optimizer="sgd",
        batch_norm=batch_norm,
        batch_size=12,
        dtype="float64",
        class_weight=class_weight,
    )
    network = Network((4, 5, 3), "tanh", batch_norm)
    of_weights = weights_of(network)
    before, after = path_of(recipe, PENALTIES, rows, epochs=1)
    assert np.abs(before[0, of_weights]).min() > STEP  # no weight at the kink of |W|
    for trial, setting in enumerate(PENALTIES):
        given = {name: float(value) for name, value in setting.items()}

        def objective(theta: Array, given: Mapping[str, float] = given) -> float:
            logits, _ = outputs_of(network, theta, rows.X)
            losses = losses_of(recipe.loss, logits, rows.y, given.get("label_smoothing", 0.0))
            W = theta[of_weights]
            penalty = given.get("weight_decay", 0) * (W @ W) / 2 + given.get("l1", 0) * abs(W).sum()
            return float(row_counts(recipe, rows) @ losses + penalty)

        gone = (before[trial] - after[trial]) / given["learning_rate"]
        assert relative_error(gone, numeric(objective, before[trial])) <= WORST


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_network_that_is_updated_in_pieces_goes_down_the_same_slope(
    batch_norm: bool, outputs_of: OutputsOf, losses_of: LossesOf, path_of: PathOf
) -> None:
    # Too many numbers to move one by one: they are all moved at once, in a few directions.
    rng = np.random.default_rng(0)
    rows = Rows(rng.standard_normal((20, 100)), rng.integers(0, 3, 20), rng.random(20))
    recipe = Recipe(
        3,
        hidden=(200,),
        activation="gelu",
        optimizer="sgd",
        batch_norm=batch_norm,
        batch_size=20,
        dtype="float64",
    )
    network = Network((100, 200, 3), "gelu", batch_norm)
    assert network.parameter_count > WHOLE
    before, after = path_of(recipe, PENALTIES, rows, epochs=1)
    of_weights = weights_of(network)
    for trial, setting in enumerate(PENALTIES):
        given = {name: float(value) for name, value in setting.items()}

        def smooth_part(theta: Array, given: Mapping[str, float] = given) -> float:
            logits, _ = outputs_of(network, theta, rows.X)
            losses = losses_of(recipe.loss, logits, rows.y, given.get("label_smoothing", 0.0))
            W = theta[of_weights]
            penalty = given.get("weight_decay", 0) * (W @ W) / 2
            return float(row_counts(recipe, rows) @ losses + penalty)

        signs = np.sign(before[trial]) * of_weights  # the slope of Σ |W|
        gone = (before[trial] - after[trial]) / given["learning_rate"]
        gone -= given.get("l1", 0) * signs
        for _ in range(5):
            way = rng.standard_normal(network.parameter_count)
            there, back = (smooth_part(before[trial] + s * STEP * way) for s in (1, -1))
            assert gone @ way == pytest.approx((there - back) / (2 * STEP), rel=1e-6, abs=1e-8)
