"""PyTorch with the trials stacked, its step through torch.compile. Needs a C++ compiler."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray

from scripts.bench.trainer import torch_stacked
from scripts.bench.trainer.peers import Variant
from scripts.bench.trainer.tasks import Task

# Each number of threads, of trials and of rows makes a program of its own; beyond 8 PyTorch would stop compiling.
torch._dynamo.config.recompile_limit = 64

STEP = torch.compile(torch_stacked.step, dynamic=False)


def train(task: Task, variant: Variant) -> NDArray[Any]:
    """Validation accuracy (E, K)."""
    return torch_stacked.train_by(STEP, task, variant)
