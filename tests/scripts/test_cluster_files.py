"""The files that docs/cluster.md gives: each runs, with real Dask processes on loopback."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import studies

yaml = pytest.importorskip("yaml")
pytest.importorskip("distributed")
ROOT = Path(__file__).parents[2]
FILES = ROOT / "scripts/cluster"
BIN = Path(sys.executable).parent
MODEL = (
    "import random\n\ndef train(params):\n    return params['learning_rate'] * random.random()\n"
)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Commands of this environment, and a function to search with."""
    (tmp_path / "my_model.py").write_text(MODEL)
    (tmp_path / "bin").mkdir()
    return {**os.environ, "PATH": f"{tmp_path / 'bin'}:{BIN}:{os.environ['PATH']}"}


def program(folder: Path, name: str, text: str) -> None:
    file = folder / "bin" / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["tcp", "tls"])
def test_the_job_for_slurm(protocol: str, tmp_path: Path, environment: dict[str, str]) -> None:
    program(tmp_path, "srun", 'shift; "$@" & "$@" & wait')  # two tasks of SLURM's
    program(tmp_path, "hostname", "echo 127.0.0.1")
    page = (ROOT / "docs/cluster.md").read_text()
    (tls,) = re.findall(r"(openssl req .*?^done$)", page, re.M | re.S)
    line = "hpo search --trainer my_model.py:train --space learning_rate=1e-5:1:log --trials 12 --ahead 4"
    script = f"{tls if protocol == 'tls' else ''}\nexec {FILES / 'slurm.sh'} {line}"
    slurm = {"SLURM_NTASKS": "3", "DASK_PORT": str(free_port()), "DASK_PROTOCOL": protocol}
    done = subprocess.run(
        ["sh", "-ec", script], cwd=tmp_path, env=environment | slurm, timeout=120, capture_output=True, text=True
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    study = studies.load("my_model-train", f"sqlite:///{tmp_path}/hpo.db")
    assert study.summary()["state"] == "complete"


@pytest.mark.slow
def test_the_objects_of_kubernetes(tmp_path: Path, environment: dict[str, str]) -> None:
    objects = list(yaml.safe_load_all((FILES / "kubernetes.yaml").read_text()))
    assert [one["kind"] for one in objects] == ["Service", "Deployment", "Deployment", "Job"]
    service, *workloads = objects
    port = free_port()
    environment["HPO_STORAGE"] = f"sqlite:///{tmp_path}/s.db"
    commands = []
    for one in workloads:
        (container,) = one["spec"]["template"]["spec"]["containers"]
        words = [*container["command"], *container.get("args", [])]
        for old, new in (
            (service["metadata"]["name"], "127.0.0.1"),
            ("8786", str(port)),
            ("--ahead 8", "--ahead 4 --trials 12"),
        ):
            words = [word.replace(old, new) for word in words]
        commands.append(words)
    running = [subprocess.Popen(c, cwd=tmp_path, env=environment) for c in commands[:-1]]
    try:
        for _ in range(2):  # the second time it finds the study, which is done
            done = subprocess.run(
                commands[-1], cwd=tmp_path, env=environment, timeout=120, check=False
            )
            assert done.returncode == 0
    finally:
        for process in running:
            process.terminate()
            process.wait()
    assert studies.load("mine", environment["HPO_STORAGE"]).summary()["state"] == "complete"
