"""A PyTorch network: validated after each epoch, with a checkpoint, on the device that it is given.

    python scripts/examples/pytorch.py                     needs pip install torch
    python scripts/examples/pytorch.py cuda:0,cuda:1       two trials at once, a GPU for each

The function seeds PyTorch as it likes: each trial has a process to itself, so the study is the same on any number of
workers. If the search is killed, `hpo resume` finds the checkpoints in the folders of the trials that were training.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import nn

import hpo

SPACE = {
    "learning_rate": hpo.Float(1e-4, 1.0, log=True),
    "weight_decay": hpo.Float(1e-6, 0.1, log=True),
    "units": hpo.Int(8, 128, log=True),
}


def train(
    params: dict[str, Any], *, epochs: int, seed: int, folder: Path, device: str | None
) -> Iterator[dict[str, float]]:
    torch.manual_seed(seed)
    place = torch.device(device or "cpu")
    X, y = (torch.as_tensor(part, device=place) for part in load_digits(return_X_y=True))
    X, rows = X.float() / 16, torch.randperm(len(y), device="cpu").to(place)
    training, validation = rows[:1200], rows[1200:1500]

    network = nn.Sequential(
        nn.Linear(64, params["units"]), nn.ReLU(), nn.Linear(params["units"], 10)
    ).to(place)
    optimizer = torch.optim.SGD(
        network.parameters(), params["learning_rate"], momentum=0.9, weight_decay=params["weight_decay"]
    )  # fmt: skip
    curve: list[dict[str, float]] = []
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():  # the search was killed in the middle of this trial
        state = torch.load(checkpoint, map_location=place)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["generator"].cpu())
        curve = state["curve"]
    yield from curve
    for _ in range(len(curve), epochs):
        for batch in training[torch.randperm(len(training)).to(place)].split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(X[batch]), y[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            right = network(X[validation]).argmax(1) == y[validation]
        curve.append({"accuracy": right.float().mean().item()})
        parts = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save(parts | {"generator": torch.get_rng_state(), "curve": curve}, checkpoint)
        yield curve[-1]


if __name__ == "__main__":
    devices = sys.argv[1].split(",") if sys.argv[1:] else []
    study = hpo.search(
        train, space=SPACE, metric="accuracy", epochs=8, trials=24, name="pytorch", if_exists="resume",
        devices=devices, ahead=max(2, len(devices)),
    )  # fmt: skip
    best = study.recommended
    print(best and (best.params, best.mean, best.ci95))
