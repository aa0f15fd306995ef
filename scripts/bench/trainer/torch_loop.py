"""PyTorch as most write it, one trial at a time: nn.Sequential, torch.optim, autograd; minibatches by index.

`fused=True` is the fastest of the ways of torch.optim here (against foreach=True, foreach=False and the default).
"""

from __future__ import annotations

from itertools import chain, pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from scripts.bench.trainer.peers import Variant
from scripts.bench.trainer.tasks import (
    ADAM_BETA1,
    ADAM_BETA2,
    ADAM_EPSILON,
    Task,
    initial_weights,
    row_orders,
)


def train(task: Task, variant: Variant) -> NDArray[Any]:
    """Validation accuracy (E, K)."""
    torch.set_num_threads(variant.threads)
    X, y = torch.from_numpy(task.X), torch.from_numpy(task.y)
    X_validation, y_validation = (
        torch.from_numpy(task.X_validation),
        torch.from_numpy(task.y_validation),
    )
    orders = torch.from_numpy(row_orders(task))
    loss = nn.functional.cross_entropy
    accuracies = np.empty((task.epochs, task.trials))
    for trial in range(task.trials):
        network = _network(task)
        optimizer = _optimizer(task, trial, network)
        for epoch, order in enumerate(orders):
            parts = X[order].split(task.batch_size), y[order].split(task.batch_size)
            for rows, labels in zip(*parts, strict=True):
                optimizer.zero_grad()
                loss(network(rows), labels).backward()
                optimizer.step()
            with torch.inference_mode():
                right = network(X_validation).argmax(1) == y_validation
            accuracies[epoch, trial] = right.float().mean()
    return accuracies


def _network(task: Task) -> nn.Sequential:
    layers = [nn.Linear(inputs, outputs) for inputs, outputs in pairwise(task.sizes)]
    with torch.no_grad():
        for layer, weight in zip(layers, initial_weights(task), strict=True):
            layer.weight.copy_(torch.from_numpy(weight.T))
            layer.bias.zero_()
    return nn.Sequential(*list(chain(*((layer, nn.ReLU()) for layer in layers)))[:-1])


def _optimizer(task: Task, trial: int, network: nn.Sequential) -> torch.optim.Optimizer:
    rate, decay = float(task.learning_rates[trial]), float(task.weight_decays[trial])
    parameters = list(network.parameters())
    groups = [
        {"params": parameters[0::2], "weight_decay": decay},
        {"params": parameters[1::2], "weight_decay": 0.0},  # the biases
    ]
    if task.optimizer == "adam":
        betas = (ADAM_BETA1, ADAM_BETA2)
        return torch.optim.Adam(groups, lr=rate, betas=betas, eps=ADAM_EPSILON, fused=True)
    return torch.optim.SGD(groups, lr=rate, momentum=task.momentum, fused=True)
