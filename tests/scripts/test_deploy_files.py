"""The files of docs/deploy: what they run, runs, as far as that is possible without a container engine."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = ROOT / "docs" / "deploy"
BIN = Path(sys.executable).parent
PLACES = ("/build", "/opt/hpo", "/var/lib/hpo", "/tmp/matplotlib", "/run/secrets")  # noqa: S108  # in a container
AS_ROOT = ("useradd", "chown")  # what only root of a container should do


def steps() -> Iterator[tuple[str, str]]:
    """The instructions of the Containerfile, with what follows them."""
    for line in (FILES / "Containerfile").read_text().splitlines():
        if line and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            yield word, rest


def here(text: str, folder: Path) -> str:
    """A command with the places of the container moved into a folder."""
    for place in PLACES:
        text = re.sub(rf"(?<![\w/]){place}\b", f"{folder}{place}", text)
    return text


def program(folder: Path, name: str, text: str = "") -> None:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


@pytest.mark.slow
def test_the_steps_of_the_containerfile_make_a_service_that_answers(tmp_path: Path) -> None:
    for name in AS_ROOT:
        program(tmp_path / "bin", name)
    environment = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    environment |= {k: v for k, v in os.environ.items() if k.startswith("PIP_") or "_CERT" in k}
    with socket.create_server(("127.0.0.1", 0)) as asked:
        port = str(asked.getsockname()[1])
    health: list[str] = []
    command: list[str] = []
    for word, rest in steps():
        if word == "COPY":
            *sources, target = rest.split()
            for source in sources:
                place = Path(here(target, tmp_path))
                if (ROOT / source).is_dir():
                    shutil.copytree(
                        ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__")
                    )
                else:
                    place.mkdir(parents=True, exist_ok=True)
                    shutil.copy(ROOT / source, place)
        elif word == "RUN":
            step = here(rest, tmp_path).replace("python -m", f"{sys.executable} -m", 1)
            done = subprocess.run(
                ["sh", "-ec", step], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )  # fmt: skip
            assert done.returncode == 0, (rest, done.stderr[-3000:])
        elif word == "ENV":
            for pair in shlex.split(here(rest, tmp_path)):
                name, _, value = pair.partition("=")
                environment[name] = value
        elif word == "HEALTHCHECK":
            health = json.loads(rest.partition("CMD ")[2].replace("8517", port))
        elif word == "CMD":
            command = json.loads(here(rest, tmp_path))
    home = tmp_path / "var/lib/hpo"
    programs = tmp_path / "opt/hpo/bin"
    token = [str(programs / "hpo"), "token", "create", "laptop", "--scope", "run"]
    subprocess.run(token, cwd=home, env=environment, check=True, capture_output=True)
    log = (tmp_path / "log").open("wb")
    service = subprocess.Popen(
        [programs / command[0], *command[1:], "--port", port], cwd=home, env=environment, stdout=log, stderr=log
    )  # fmt: skip
    try:
        for _ in range(300):
            answer = subprocess.run(
                [programs / health[0], *health[1:]], env=environment, capture_output=True, check=False
            )  # fmt: skip
            if answer.returncode == 0:
                break
            assert service.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.1)
        assert answer.returncode == 0, (tmp_path / "log").read_text()
    finally:
        service.send_signal(signal.SIGTERM)
        assert service.wait(60) in (0, 128 + signal.SIGTERM, -signal.SIGTERM)
        log.close()
    assert {path.name for path in home.iterdir()} >= {"hpo.db", "kept"}


def test_the_entrypoint_of_compose_takes_the_password_from_its_file(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    services = yaml.safe_load((FILES / "compose.yaml").read_text())["services"]
    (tmp_path / "run/secrets").mkdir(parents=True)
    (tmp_path / "run/secrets/password").write_text("a1b2\n")
    program(tmp_path / "bin", "hpo", 'echo "$HPO_STORAGE" "$@"')
    entry = [here(part.replace("$$", "$"), tmp_path) for part in services["hpo"]["entrypoint"]]
    done = subprocess.run(
        [*entry, "token", "list"], env={"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "postgresql://hpo:a1b2@database/hpo token list\n"
    names = {v.partition(":")[0] for service in services.values() for v in service["volumes"]}
    assert names == {"database", "kept"}


def test_what_the_files_run_are_options_of_hpo_serve() -> None:
    yaml = pytest.importorskip("yaml")
    text = subprocess.run(
        [BIN / "hpo", "serve", "--help"], capture_output=True, text=True, check=True
    ).stdout
    unit = re.search(r"^ExecStart=(.*)$", (FILES / "hpo-serve.service").read_text(), re.M)
    assert unit is not None
    lines = [
        unit[1].split(),
        json.loads(dict(steps())["CMD"]),
        yaml.safe_load((FILES / "compose.yaml").read_text())["services"]["hpo"]["command"],
    ]
    for line in lines:
        options = [word for word in line if word.startswith("--")]
        assert options
        assert all(f"{option} " in text or f"{option}\n" in text for option in options), line


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_understands_the_unit_and_thinks_it_hardened(tmp_path: Path) -> None:
    unit = tmp_path / "hpo-serve.service"
    text = (FILES / "hpo-serve.service").read_text()
    unit.write_text(text.replace("/opt/hpo/bin/hpo ", f"{BIN / 'hpo'} "))
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    looked = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", unit], capture_output=True, text=True, check=False
    )  # fmt: skip
    exposure = re.search(r"Overall exposure level for .*?: ([\d.]+)", looked.stdout)
    assert exposure is not None
    assert float(exposure[1]) < 2.5  # of 10
