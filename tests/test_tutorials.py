"""Each tutorial is true: all that it tells the reader to type runs, from top to bottom, and comes to what it shows.

A block of Python is saved under the name that the sentence before it says, and else runs. A service is started as in a
terminal of its own, on a port that is free here.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

import studies
from tests.markdown import blocks, script

DOCS = Path(__file__).parents[1] / "docs"
TUTORIALS = DOCS / "tutorials"
SHARED = Path(os.environ.get("HPO_SHARED_DATA") or DOCS.parents[1] / "shared" / "data")
SERVING = """\
{command} --port 8517 > serve.log 2>&1 &
trap 'kill '$! EXIT
until curl -sf http://127.0.0.1:8517/health/ready > health.txt; do sleep 0.1; done"""

pytestmark = pytest.mark.slow


class Ran(NamedTuple):
    """What is there when a tutorial has run."""

    folder: Path
    out: str

    def study(self, name: str) -> studies.Study:
        return studies.load(name, f"sqlite:///{self.folder}/hpo.db")


def run(name: str, folder: Path) -> Ran:
    commands = script((TUTORIALS / name).read_text(encoding="utf-8"))
    commands = re.sub(
        "^hpo serve.*$", lambda line: SERVING.format(command=line[0]), commands, flags=re.M
    )
    with socket.create_server(("127.0.0.1", 0)) as asked:
        port = str(asked.getsockname()[1])
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {k: v for k, v in os.environ.items() if k not in ("HPO_STORAGE", "HPO_TOKEN")}
    done = subprocess.run(
        ["bash", "-c", commands.replace("8517", port)],
        cwd=folder, env=environment | {"PATH": path}, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-1000:]
    return Ran(folder, done.stdout)


def test_a_tutorial_leads_from_a_table_to_predictions(tmp_path: Path) -> None:
    ran = run("table.md", tmp_path)
    answers, truth = (pd.read_csv(tmp_path / name) for name in ("answers.csv", "truth.csv"))
    assert (answers["prediction"] == truth["cultivar"]).sum() >= 15
    assert (tmp_path / "card.html").stat().st_size > 0
    assert "of 18 are right" in ran.out
    trials = ran.study("wines").trials_frame()
    assert trials["value"].max() == 1.0  # the lucky one of which it speaks
    recommended: Any = ran.study("wines").recommended
    assert recommended.mean < 0.99
    assert len(ran.study("folds").trials_frame()) < len(trials)


def test_a_tutorial_repeats_the_search_of_the_book_on_mnist(tmp_path: Path) -> None:
    if not (SHARED / "mnist").is_dir():
        pytest.skip(f"no MNIST at hand: there is no folder {SHARED / 'mnist'}")
    (tmp_path / "mnist").symlink_to(SHARED / "mnist")
    ran = run("mnist.md", tmp_path)
    book: Any = ran.study("book").recommended
    ours: Any = ran.study("ours").recommended
    assert book.params["learning_rate"] < 0.01 < ours.params["learning_rate"]
    assert ours.mean > book.mean + 0.03
    assert "learned nothing" in ran.out


def test_a_tutorial_tunes_a_pipeline_of_scikit_learn(tmp_path: Path) -> None:
    ran = run("sklearn.md", tmp_path)
    first, again = re.findall(r"as it is: R² (\S+) .*?tuned: R² (\S+) ", ran.out, re.S)
    assert first == again
    untuned, tuned = map(float, first)
    assert tuned > untuned + 0.2
    assert ran.study("svr").recommended is not None


def test_a_tutorial_tunes_a_network_of_pytorch(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    ran = run("pytorch.md", tmp_path)
    study = ran.study("torch")
    assert study.recommended is not None
    assert study.recommended.params["learning_rate"] > 0.01  # past the range of which it speaks
    assert "trial 9: identical to the last bit" in ran.out
    assert len(study.trials_frame()) + study.finalists_frame()["repeats"].sum() >= 60


def test_a_tutorial_shares_a_server_in_a_team(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    ran = run("team.md", tmp_path)
    assert ran.out.rstrip().endswith("refused")
    shared = ran.out.partition("forest running")[2].partition("forest.html")[0]
    assert "owner" in shared  # Ben sees whose it is
    forest, flowers = ran.study("forest"), ran.study("flowers")
    assert forest.recommended is not None
    assert flowers.recommended is not None
    answers = pd.read_csv(tmp_path / "answers.csv")
    truth = pd.read_csv(tmp_path / "flowers.csv")["target"]
    assert (answers["prediction"] == truth).mean() > 0.9


# The client's own affairs: an event loop and sockets that it leaves to the collector.
@pytest.mark.filterwarnings("ignore")
def test_a_tutorial_goes_through_a_study_in_a_notebook(tmp_path: Path) -> None:
    cells = blocks((TUTORIALS / "notebook.md").read_text(encoding="utf-8"), "python")
    book: Any = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells)))  # type: ignore[no-untyped-call]
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(book, timeout=120, kernel_name="python3", resources=where).execute()
    for cell in book.cells:
        shown = [output.data for output in cell.outputs if "data" in output]
        if ".plot." in cell.source:
            assert any("image/png" in data for data in shown), cell.source
        else:
            assert shown or cell.source.startswith("import studies"), cell.source
    assert (tmp_path / "digits.html").stat().st_size > 0
