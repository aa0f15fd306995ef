"""The trainer against PyTorch, which shares nothing with it: the same first weights, steps, and numbers after each.

Every trial of a stack has a `Peer` there, a module with an optimizer of its own. Where PyTorch defines something
differently, the peer is told so in PyTorch's own terms: losses are summed over outputs, weight decay is that of the
parameter group of weights, ε is given. `STEPS` whole-batch steps leave differences of rounding alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tests.trainer.shared import Array
from tests.trainer.torch_peer import (
    ROWS,
    THEIR_ACTIVATIONS,
    MeanLoss,
    Peer,
    Tensor,
    as_state,
    functional,
    their_losses,
    torch,
)
from trainer.layers import ACTIVATIONS
from trainer.losses import LOSSES
from trainer.optimizers import OPTIMIZERS
from trainer.recipe import Recipe, Rows
from trainer.schedules import SCHEDULES
from trainer.stack import EVALUATION_ROWS, WHOLE, Stack

STEPS, INPUTS, HIDDEN = 20, 5, (7, 6)
EXACT = {"float32": 1e-5, "float64": 1e-14}  # of one function, absolute and relative

PROBLEMS = [
    ("binary_cross_entropy", 1),
    ("binary_cross_entropy", 3),
    ("categorical_cross_entropy", 4),
    ("sparse_categorical_cross_entropy", 4),
    ("squared_error", 1),
    ("squared_error", 3),
]
SETTINGS: list[dict[str, float]] = [
    {"learning_rate": 0.01},
    {"learning_rate": 0.05, "weight_decay": 0.02, "momentum": 0.5, "beta1": 0.8, "rho": 0.9},
    {"learning_rate": 0.002, "weight_decay": 0.3, "momentum": 0.7, "beta2": 0.99, "rho": 0.95},
]

OWN: dict[str, tuple[float, ...]] = {  # a value for each of the settings
    "label_smoothing": (0, 0.1, 0.5),
    "l1": (0.01, 0, 0.1),
    "clip_norm": (0.3, math.inf, 0.01),
    "dropout": (0, 0.2, 0.6),
}
RATES: dict[str, tuple[float, ...]] = {
    "schedule_factor": (0.5, 0.9, 0.1),
    "schedule_every": (3, 1, 7),
    "warmup": (0, 4, 7),
}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1, user_api="blas"):
        yield
    torch.set_num_threads(threads)


def rows_for(loss: str, outputs: int, count: int = ROWS) -> Rows:
    rng = np.random.default_rng(5)
    X = rng.standard_normal((count, INPUTS))
    labels = rng.integers(0, outputs, count)
    y: dict[str, Array] = {
        "binary_cross_entropy": rng.integers(0, 2, (count, outputs)),
        "categorical_cross_entropy": np.eye(outputs)[labels],
        "sparse_categorical_cross_entropy": labels,
        "squared_error": rng.standard_normal((count, outputs)),
    }
    return Rows(X, y[loss])


def make_stack(settings: list[dict[str, float]] | None = None, **recipe: Any) -> Stack:
    options: dict[str, Any] = {"outputs": 4, "hidden": HIDDEN, "dtype": "float64"} | recipe
    if options.get("loss") == "squared_error":
        options["metric"] = "rmse"
    return Stack(Recipe(**options), settings or SETTINGS, INPUTS, seed=3, epochs=STEPS)


def with_own(**values: tuple[float, ...]) -> list[dict[str, float]]:
    """The settings, and for each trial its value of further numbers."""
    return [s | {name: v[trial] for name, v in values.items()} for trial, s in enumerate(SETTINGS)]


def follow(
    stack: Stack,
    rows: Rows | None = None,
    *,
    steps: int = STEPS,
    steps_an_epoch: int = 1,
    mean_loss: MeanLoss | None = None,
) -> list[Peer]:
    """Train a stack and its peers on the same rows, and compare them after every step."""
    rows = stack.ready(rows or rows_for(stack.recipe.loss, stack.recipe.outputs), training=True)
    peers = [Peer(stack, trial, steps_an_epoch) for trial in range(len(stack.theta))]
    stack._steps_an_epoch, stack._noise = steps_an_epoch, np.random.default_rng(7)
    for _ in range(steps):
        stack.step(rows.X, rows.y, rows.weights)
        masks = stack.workspace(ROWS, training=True).masks
        for peer in peers:
            peer.backward(rows, mean_loss, masks)
            peer.step()
            peer.assert_same(stack)
    return peers


@pytest.mark.parametrize("batch_norm", [False, True], ids=["plain", "batch_norm"])
@pytest.mark.parametrize(("loss", "outputs"), PROBLEMS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_takes_the_same_steps_down_every_loss(
    optimizer: str, loss: str, outputs: int, batch_norm: bool
) -> None:
    follow(make_stack(optimizer=optimizer, loss=loss, outputs=outputs, batch_norm=batch_norm))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_network_larger_than_a_cache_takes_the_same_steps_piece_by_piece(optimizer: str) -> None:
    settings = with_own(l1=(0, 0.001, 0.01), warmup=(0, 2, 4))
    stack = make_stack(settings, optimizer=optimizer, hidden=(150, 110), batch_norm=True)
    assert stack.network.parameter_count > WHOLE
    follow(stack, steps=5)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_trials_of_the_same_numbers_take_the_same_steps(optimizer: str) -> None:
    follow(make_stack(2 * SETTINGS[1:2], optimizer=optimizer))


@pytest.mark.parametrize("batch_norm", [False, True], ids=["plain", "batch_norm"])
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "rmsprop", "adamw"])
@pytest.mark.parametrize("name", OWN)
def test_what_each_trial_has_of_its_own_changes_its_steps_alike(
    name: str, optimizer: str, batch_norm: bool
) -> None:
    """Clipping is clip_grad_norm_, L1 a penalty added to the loss, and dropout's masks are those that we drew."""
    settings = with_own(**{name: OWN[name]})
    follow(make_stack(settings, optimizer=optimizer, batch_norm=batch_norm))


@pytest.mark.parametrize("steps_an_epoch", [1, 4])
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam", "adamw"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_rates_are_those_of_lr_scheduler_and_grow_like_linear_lr(
    schedule: str, optimizer: str, steps_an_epoch: int
) -> None:
    stack = make_stack(with_own(**RATES), optimizer=optimizer, schedule=schedule)
    follow(stack, steps_an_epoch=steps_an_epoch)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_all_of_it_together(optimizer: str) -> None:
    stack = make_stack(
        with_own(**OWN, **RATES),
        optimizer=optimizer,
        schedule="exponential",
        activation="gelu",
        batch_norm=True,
        class_weight=(1.0, 0.5, 3.0, 2.0),
    )
    rows = rows_for(stack.recipe.loss, 4)
    follow(stack, Rows(rows.X, rows.y, np.random.default_rng(8).random(ROWS)))


@pytest.mark.parametrize(("loss", "outputs"), PROBLEMS)
def test_rows_that_count_more_or_not_at_all(loss: str, outputs: int) -> None:
    rows = rows_for(loss, outputs)
    weights = np.random.default_rng(8).integers(0, 4, ROWS).astype(float)
    follow(make_stack(loss=loss, outputs=outputs), Rows(rows.X, rows.y, weights))


@pytest.mark.parametrize("loss", ["sparse_categorical_cross_entropy", "categorical_cross_entropy"])
def test_class_weights_are_those_of_cross_entropy(loss: str) -> None:
    """Of class numbers: where targets are probabilities, PyTorch divides by the rows and not by their weights."""
    weights = (1.0, 0.0, 3.0, 0.25)

    def mean_loss(outputs: Tensor, y: Tensor) -> Tensor:
        labels = y if y.dim() == 1 else y.argmax(1)
        of_class = torch.tensor(weights, dtype=torch.float64)
        return functional.cross_entropy(outputs, labels, weight=of_class, reduction="mean")

    follow(make_stack(loss=loss, class_weight=weights), mean_loss=mean_loss)


@pytest.mark.parametrize("batch_norm", [False, True], ids=["plain", "batch_norm"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_rows_are_scored_as_by_a_module_in_evaluation(activation: str, batch_norm: bool) -> None:
    settings = with_own(dropout=OWN["dropout"], label_smoothing=OWN["label_smoothing"])
    stack = make_stack(settings, activation=activation, batch_norm=batch_norm)
    peers = follow(stack, steps=5)
    rows = rows_for(stack.recipe.loss, 4, count=2 * EVALUATION_ROWS + 9)
    weights = np.random.default_rng(8).random(len(rows.X))
    losses, accuracies = stack.score(stack.ready(Rows(rows.X, rows.y, weights), training=False))
    for peer, loss, accuracy in zip(peers, losses, accuracies, strict=True):
        peer.module.load_state_dict(as_state(stack, peer.trial))  # with our running variance
        outputs, y = peer.module.eval()(torch.tensor(rows.X)).detach(), torch.tensor(rows.y)
        expected = np.average(their_losses(stack.recipe.loss, outputs, y), weights=weights)
        assert loss == pytest.approx(expected, rel=1e-12)
        assert accuracy == pytest.approx(float((outputs.argmax(1) == y).double().mean()), rel=1e-12)


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_and_their_slopes(activation: str, dtype: str) -> None:
    rng = np.random.default_rng(1)
    spread = (0.0, -0.0, 1e4, -1e4, 30.0, -30.0, *(4 * rng.standard_normal(94)))
    z = np.tile(np.array(spread, dtype), (2, 3, 1))
    da = rng.standard_normal(z.shape).astype(dtype)
    given = torch.tensor(z, requires_grad=True)
    theirs = THEIR_ACTIVATIONS[activation]()(given)
    theirs.backward(torch.tensor(da))
    scratch, kept = np.empty_like(z), np.empty_like(z)
    ours = ACTIVATIONS[activation]
    ours.forward(z, scratch, kept if ours.keeps else None)
    assert_near(z, theirs, dtype)
    ours.backward(z, da, scratch, kept if ours.keeps else None)
    assert_near(da, given.grad, dtype)


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("size", [1, 30, 1e4])
@pytest.mark.parametrize(("loss", "outputs"), PROBLEMS)
def test_losses_and_their_gradients(loss: str, outputs: int, size: float, dtype: str) -> None:
    """Values are without label smoothing; gradients are with that of each trial."""
    smoothing = np.array(OWN["label_smoothing"], dtype)[:, None, None]
    z = np.random.default_rng(1).uniform(-size, size, (3, ROWS, outputs)).astype(dtype)
    z[:, :5] = size * np.sign(z[:, :5])
    y = rows_for(loss, outputs).y
    if loss != "sparse_categorical_cross_entropy":
        y = y.astype(dtype)
    values = LOSSES[loss].values(z.copy(), y)
    plain, smooth = z.copy(), z.copy()
    LOSSES[loss].gradient(plain, y, None)
    LOSSES[loss].gradient(smooth, y, smoothing)
    for trial, (share,) in enumerate(smoothing[:, 0]):
        for ours, s in ((plain, 0.0), (smooth, float(share))):
            given = torch.tensor(z[trial], requires_grad=True)
            theirs = their_losses(loss, given, torch.tensor(y), s)
            theirs.sum().backward()
            assert_near(ours[trial], given.grad, dtype)
            if not s:
                assert_near(values[trial], theirs, dtype)


def assert_near(ours: Array, theirs: Tensor, dtype: str) -> None:
    assert ours.dtype == dtype
    expected = theirs.detach().numpy()
    np.testing.assert_allclose(ours, expected, EXACT[dtype], EXACT[dtype], equal_nan=False)
