"""PyTorch's own of everything: for each trial of a stack a module, an optimizer, a schedule and losses."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.trainer.shared import Array
from trainer.network import Network
from trainer.optimizers import ADAGRAD_EPSILON, ADAM_EPSILON, RMSPROP_EPSILON
from trainer.recipe import Rows
from trainer.stack import Stack

torch = pytest.importorskip(
    "torch", reason="PyTorch, to compare with, is not installed: pip install '.[peers]'"
)
nn, optim, functional = torch.nn, torch.optim, torch.nn.functional
schedulers = torch.optim.lr_scheduler

Tensor = Any
MeanLoss = Callable[[Tensor, Tensor], Tensor]

ROWS = 24
TOLERANCE = 1e-12  # of parameters and running statistics after any of the steps, absolute


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
