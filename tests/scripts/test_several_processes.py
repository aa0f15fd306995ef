"""The example in which several processes ask and tell one study."""

# Law 2: the same seed gives the same study.

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import hpo
from tests.running import Tables

EXAMPLE = Path(__file__).parents[2] / "scripts" / "examples" / "several_processes.py"


def test_several_processes_make_the_study_of_one(
    tmp_path: Path, storage: str, tables: Tables
) -> None:
    subprocess.run([sys.executable, EXAMPLE, storage], cwd=tmp_path, timeout=300, check=True)
    example = runpy.run_path(str(EXAMPLE))
    space = {"x": hpo.Float(0, 1), "y": hpo.Float(1e-3, 1, log=True)}
    with hpo.open(
        "alone", storage=storage, space=space, trials=40, ahead=example["PROCESSES"], metric="loss",
        direction="minimize",
    ) as search:  # fmt: skip
        while task := search.ask():
            search.tell(task, example["measured"](task.params, task.seed))
    assert tables("shared", storage) == tables("alone", storage)
