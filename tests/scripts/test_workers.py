"""Workers without Python, in plain JavaScript and in plain shell, make the study of home."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hpo
from tests.hpo.serve.serving import Serving
from tests.running import Tables

EXAMPLES = Path(__file__).parents[2] / "scripts" / "examples"
LINES = 40
PLAN: dict[str, Any] = {
    "trials": 24, "seed": 5, "metric": "loss", "direction": "minimize", "epochs": 9, "halving": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("service")
    with Serving(folder, f"sqlite:///{folder / 'team.db'}") as running:
        yield running


def work(serving: Serving, command: list[str], name: str) -> None:
    if shutil.which(command[0]) is None or (command[0] == "sh" and shutil.which("jq") is None):
        pytest.skip(f"{command[0]} is not installed")
    script = EXAMPLES / command[-1]
    assert len(script.read_text().splitlines()) <= LINES
    url = f"http://127.0.0.1:{serving.port}"
    subprocess.run(
        [*command[:-1], str(script), name],
        env={**os.environ, "HPO_SERVER": url},
        check=True,
        timeout=240,
    )


def test_a_worker_in_javascript(serving: Serving, tables: Tables) -> None:
    def train(params: dict[str, Any], *, epochs: int) -> Iterator[dict[str, float]]:
        for epoch in range(1, epochs + 1):
            x = params["x"]
            yield {"loss": (x - 0.3) * (x - 0.3) + 0.1 / epoch}

    space = {"x": hpo.Float(0, 1)}
    hpo.search(train, space=space, **PLAN, storage=serving.storage, name="home", executor="threads")
    serving.create(name="js", kind="remote", plan={**PLAN, "space": {"x": "0:1"}})
    work(serving, ["node", "worker.mjs"], "js")
    assert tables("js", serving.storage) == tables("home", serving.storage)


def test_a_worker_in_shell(serving: Serving, tables: Tables) -> None:
    def train(params: dict[str, Any]) -> float:
        return float((params["x"] - 0.3) * (params["x"] - 0.3))

    plan = {**PLAN, "epochs": 1, "halving": None, "trials": 12}
    space = {"x": hpo.Float(0, 1)}
    hpo.search(
        train, space=space, **plan, storage=serving.storage, name="simple", executor="threads"
    )
    serving.create(name="in a shell", kind="remote", plan={**plan, "space": {"x": "0:1"}})
    work(serving, ["sh", "worker.sh"], "in a shell")
    assert tables("in a shell", serving.storage) == tables("simple", serving.storage)
