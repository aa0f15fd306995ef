"""The trainer against PyTorch, which shares nothing with it: the same first weights, steps, and numbers after each.

Every trial of a stack has a `Peer` there, a module with an optimizer of its own. Where PyTorch defines something
differently, the peer is told so in PyTorch's own terms: losses are summed over outputs, weight decay is that of the
parameter group of weights, ε is given. `STEPS` whole-batch steps leave differences of rounding alone.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tests.trainer.shared import Array
from trainer.layers import ACTIVATIONS
from trainer.losses import LOSSES
from trainer.network import Network
from trainer.optimizers import ADAGRAD_EPSILON, ADAM_EPSILON, OPTIMIZERS, RMSPROP_EPSILON
from trainer.recipe import Recipe, Rows
from trainer.schedules import SCHEDULES
from trainer.stack import EVALUATION_ROWS, WHOLE, Stack

torch = pytest.importorskip(
    "torch", reason="PyTorch, to compare with, is not installed: pip install '.[peers]'"
)
nn, optim, functional = torch.nn, torch.optim, torch.nn.functional
schedulers = torch.optim.lr_scheduler

Tensor = Any
MeanLoss = Callable[[Tensor, Tensor], Tensor]

STEPS, ROWS, INPUTS, HIDDEN = 20, 24, 5, (7, 6)
TOLERANCE = 1e-12  # of parameters and running statistics after any of the steps, absolute
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

THEIR_ACTIVATIONS: dict[str, Callable[[], Any]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": partial(nn.GELU, approximate="tanh"),
    "identity": nn.Identity,
}


def their_losses(loss: str, outputs: Tensor, y: Tensor, smoothing: float = 0.0) -> Tensor:
    """The loss of every row (B,)."""
    if loss == "squared_error":
        return functional.mse_loss(outputs, y, reduction="none").sum(1) / 2
    if loss == "binary_cross_entropy":
        y = (1 - smoothing) * y + smoothing / 2
        return functional.binary_cross_entropy_with_logits(outputs, y, reduction="none").sum(1)
    return functional.cross_entropy(outputs, y, reduction="none", label_smoothing=smoothing)


def their_module(network: Network) -> Any:
    parts: dict[str, Any] = {}
    *hidden, last = pairwise(network.sizes)
    for i, (inputs, outputs) in enumerate(hidden):
        parts[f"linear{i}"] = nn.Linear(inputs, outputs, bias=not network.batch_norm)
        if network.batch_norm:
            parts[f"norm{i}"] = nn.BatchNorm1d(outputs)
        parts[f"activation{i}"] = THEIR_ACTIVATIONS[network.activation]()
    parts[f"linear{len(hidden)}"] = nn.Linear(*last)
    return nn.Sequential(OrderedDict(parts)).double()


def their_optimizer(name: str, groups: list[dict[str, Any]], n: dict[str, float]) -> Any:
    betas = (n["beta1"], n["beta2"])
    kinds: dict[str, Callable[..., Any]] = {
        "sgd": optim.SGD,
        "momentum": partial(optim.SGD, momentum=n["momentum"]),
        "nesterov": partial(optim.SGD, momentum=n["momentum"], nesterov=True),
        "adagrad": partial(optim.Adagrad, eps=ADAGRAD_EPSILON),
        "rmsprop": partial(optim.RMSprop, alpha=n["rho"], eps=RMSPROP_EPSILON),
        "adam": partial(optim.Adam, betas=betas, eps=ADAM_EPSILON),
        "adamw": partial(optim.AdamW, betas=betas, eps=ADAM_EPSILON),
    }
    return kinds[name](groups, lr=n["learning_rate"])


def their_schedule(
    name: str, optimizer: Any, n: dict[str, float], epochs: int, steps_an_epoch: int
) -> list[Any]:
    """Schedulers to step one after the other at every step of the optimizer; each multiplies the rate."""
    every, warm = n["schedule_every"] * steps_an_epoch, round(n["warmup"] * steps_an_epoch)
    chain: list[Any] = []
    if name == "step":
        chain.append(schedulers.StepLR(optimizer, round(every), n["schedule_factor"]))
    if name == "exponential":
        chain.append(schedulers.ExponentialLR(optimizer, n["schedule_factor"] ** (1 / every)))
    if name == "cosine":
        chain.append(schedulers.CosineAnnealingLR(optimizer, epochs * steps_an_epoch))
    if warm > 1:
        chain.append(schedulers.LinearLR(optimizer, 1 / warm, total_iters=warm - 1))
    return chain


def as_state(stack: Stack, trial: int) -> dict[str, Tensor]:
    """A trial's parameters and running statistics by PyTorch's names, in its shapes."""
    network, state = stack.network, {}
    for i, layer in enumerate(network.views(stack.theta)):
        state[f"linear{i}.weight"] = layer.weight[trial].T
        if i == network.layers - 1 or not network.batch_norm:
            state[f"linear{i}.bias"] = layer.bias[trial, 0]
        else:
            assert not layer.bias.any()
    for i, (gamma, beta) in enumerate(network.scales(stack.theta)):
        state |= {f"norm{i}.weight": gamma[trial, 0], f"norm{i}.bias": beta[trial, 0]}
    for i, (mean, variance) in enumerate(network.running(stack.statistics)):
        state[f"norm{i}.running_mean"] = mean[trial, 0]
        state[f"norm{i}.running_var"] = variance[trial, 0]
        state[f"norm{i}.num_batches_tracked"] = np.array(stack.steps)
    return {name: torch.tensor(values) for name, values in state.items()}


class Peer:
    """What a trial is in PyTorch, from the numbers it now has."""

    def __init__(self, stack: Stack, trial: int, steps_an_epoch: int) -> None:
        self.recipe, self.trial = stack.recipe, trial
        self.numbers = {name: float(values[trial, 0]) for name, values in stack.hyperparams.items()}
        self.module = their_module(stack.network)
        self.module.load_state_dict(as_state(stack, trial))
        parameters = dict(self.module.named_parameters())
        self.weights = [p for name, p in parameters.items() if "linear" in name and p.dim() == 2]
        others = [p for p in parameters.values() if p.dim() == 1]
        groups = [{"params": self.weights, "weight_decay": self.numbers["weight_decay"]}]
        groups.append({"params": others, "weight_decay": 0.0})
        self.optimizer = their_optimizer(self.recipe.optimizer, groups, self.numbers)
        self.schedule = their_schedule(
            self.recipe.schedule, self.optimizer, self.numbers, stack.epochs, steps_an_epoch
        )

    def outputs(self, X: Array, masks: list[Array] | None = None) -> Tensor:
        """Forward; masks (K, O + 1, B), if any, say what each hidden layer passes on."""
        a = torch.tensor(X)
        for name, part in self.module.named_children():
            a = part(a)
            if masks is not None and name.startswith("activation"):
                a = a * torch.tensor(masks[int(name[-1])][self.trial, :-1].T)
        return a

    def backward(self, rows: Rows, mean_loss: MeanLoss | None, masks: list[Array] | None) -> None:
        """The gradient of the mean loss, clipped, and then that of the L1 penalty."""
        self.optimizer.zero_grad()
        outputs, y = self.outputs(rows.X, masks), torch.tensor(rows.y)
        if mean_loss is None:
            losses = their_losses(self.recipe.loss, outputs, y, self.numbers["label_smoothing"])
            weights = torch.ones(ROWS) if rows.weights is None else torch.tensor(rows.weights)
            ((weights * losses).sum() / weights.sum()).backward()
        else:
            mean_loss(outputs, y).backward()
        limit = self.numbers["clip_norm"]
        if math.isfinite(limit):
            norm = float(nn.utils.clip_grad_norm_(self.module.parameters(), limit))
            if norm > limit:
                for p in self.module.parameters():
                    p.grad *= (norm + 1e-6) / norm  # it divides by norm + 1e-6
        if self.numbers["l1"]:
            (self.numbers["l1"] * sum(w.abs().sum() for w in self.weights)).backward()

    def step(self) -> None:
        groups = self.optimizer.param_groups
        rates = [{name: group[name] for name in ("lr", "weight_decay")} for group in groups]
        if self.schedule and self.recipe.optimizer in ("momentum", "nesterov"):
            # Our velocity holds steps, each at the rate of its time; theirs holds gradients: the same at a rate of 1.
            for group in groups:
                for p in group["params"]:
                    p.grad = group["lr"] * (p.grad + group["weight_decay"] * p.detach())
                group.update(lr=1.0, weight_decay=0.0)
        self.optimizer.step()
        for group, rate in zip(groups, rates, strict=True):
            group.update(rate)
        for scheduler in self.schedule:
            scheduler.step()

    def assert_same(self, stack: Stack) -> None:
        ours, theirs = as_state(stack, self.trial), self.module.state_dict()
        for name in theirs:
            if name.endswith("running_var"):  # from B − 1 to B, but for what is left of the first 1
                first = 0.9**stack.steps
                theirs[name] = first + (theirs[name] - first) * (ROWS - 1) / ROWS
        one, other = (torch.cat([s[name].ravel() for name in theirs]) for s in (ours, theirs))
        where = f"trial {self.trial} after step {stack.steps}"
        np.testing.assert_allclose(one, other, 0, TOLERANCE, equal_nan=False, err_msg=where)


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
        masks = stack._workspace(ROWS, training=True).masks
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
