"""A function of the user's by its name: found in modules and in files of whatever name, or told in one line."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

import hpo
import studies
from hpo.errors import PlanError
from hpo.plan.plan import make_plan
from hpo.trainables import of_plan
from hpo.trainables.function import Function
from hpo.trainables.named import find, path_of, study_name
from studies.errors import NoSuchStudyError
from studies.words import without_addresses
from tests.hpo.trainables.functions import PLAN, Params, score
from tests.running import HPO, Call, Run

LOOP_AND_ARRAYS = {"trainer": "hpo:open"}, {"source": "memory:y"}
TRAIN = "def train(params): return params['x']\n"
FILES = {
    "mine.py": TRAIN,
    "broken.py": "1 / 0\n",
    "needy.py": "import nowhere\n",
    "typo.py": "import json\n\ndef train(params) return 1\n",
    "leaving.py": "raise SystemExit(3)\n",
}
MESSAGES: list[tuple[str, list[str]]] = [
    ("nowhere:train", ["no module 'nowhere'"]),
    ("mine:tain", ["mine has no 'tain'", "'train'?"]),
    ("broken:train", ["broken", "ZeroDivisionError("]),
    ("needy:train", ["needy needs 'nowhere'"]),
    ("typo:train", ["typo.py, line 3: "]),
    ("mime.py:train", ["no file ", "/mime.py", "'mine.py'?"]),
    ("no/folder/f.py:train", ["no file ", "/no/folder/f.py"]),
    ("mine.py:tain", ["mine.py has no 'tain'", "'train'?"]),
    ("mine.py:q", ["mine.py has no 'q'", "it has train"]),
    ("broken.py:train", ["broken.py", "ZeroDivisionError("]),
    ("needy.py:train", ["needy.py needs 'nowhere'"]),
    ("typo.py:train", ["typo.py, line 3: "]),
    ("leaving.py:train", ["leaving.py", "SystemExit(3)"]),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with some files."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("path", "facts"), MESSAGES, ids=[path for path, _ in MESSAGES])
def test_a_function_that_is_not_there_is_told(path: str, facts: list[str]) -> None:
    with pytest.raises(PlanError) as caught:
        find(path)
    message = str(caught.value)
    assert message.startswith(f"trainer {path!r}: ")
    assert "\n" not in message
    for fact in facts:
        assert fact in message


def test_a_function_is_found_by_its_path() -> None:
    for function in (path_of, Function.populations):
        assert find(path_of(function)) is function


class Object:
    def __call__(self, params: Params) -> float:
        return float(params["x"])

    def method(self, params: Params) -> float:
        return float(params["x"])

    @classmethod
    def of_class(cls, params: Params) -> float:
        return float(params["x"])


@pytest.mark.parametrize(
    ("train", "name", "study"),
    [
        (score, "functions:score", "functions-score"),
        (Object.of_class, "test_named:Object.of_class", "test_named-of_class"),
        (partial(score), "functions:<score.partial>", "functions-score-partial"),
        (partial(Object()), "test_named:<Object.partial>", "test_named-Object-partial"),
        (Object(), "test_named:<Object>", "test_named-Object"),
        (Object().method, "test_named:<Object.method>", "test_named-method"),
        (Object, "test_named:<Object>", "test_named-Object"),
        (lambda params: params["x"], "test_named:<lambda>", "test_named-lambda"),
    ],
    ids=lambda value: without_addresses(str(value)),
)
def test_a_name_leads_back_to_that_very_function_or_says_that_it_does_not(
    train: Callable[..., float], name: str, study: str
) -> None:
    path = path_of(train)
    assert path == f"tests.hpo.trainables.{name}"
    assert study_name(path) == study
    if "<" not in name:
        assert find(path) == train
    else:
        with pytest.raises(PlanError, match="train="):
            find(path)


def test_a_function_of_a_script_is_found_there_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def train(params: Params) -> float:
        return float(params["x"])

    train.__module__, train.__qualname__ = "__main__", "train"
    script = SimpleNamespace(__file__="/some/where/my_script.py", train=train)
    monkeypatch.setitem(sys.modules, "__main__", script)
    assert path_of(train) == "my_script:<train>"
    assert study_name(path_of(train)) == "my_script-train"
    assert find("my_script:<train>") is find("__main__:train") is train
    for other in ("other:<train>", "my_script:<other>"):
        with pytest.raises(PlanError, match="train="):
            find(other)
    loop, arrays = (make_plan({**of, "space": {"x": "0:1"}}) for of in LOOP_AND_ARRAYS)
    assert {of_plan.study_name(plan) for plan in (loop, arrays)} == {"my_script"}
    monkeypatch.setattr(script, "__file__", None)  # as in a notebook
    assert study_name(path_of(train)) == "train"
    assert (of_plan.study_name(loop), of_plan.study_name(arrays)) == ("loop", "y")


def test_a_study_whose_function_has_no_name_is_resumed_in_python_only(
    call_hpo: Call, storage: str
) -> None:
    few = {**PLAN, "trials": 4, "rounds": 1}
    study = hpo.search(Object(), **few, storage=storage, progress=False)
    refused = call_hpo(f"resume Object --trials 6 --storage {storage}")
    assert (refused.status, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert "train=" in refused.err
    assert len(study.trials_frame()) == 4
    assert f"hpo.resume({study.name!r}, train=…" in call_hpo(f"show Object --storage {storage}").out
    again = hpo.resume("Object", train=Object(), trials=6, storage=storage, progress=False)
    assert len(again.trials_frame()) == 6
    with pytest.raises(NoSuchStudyError):
        studies.load("named-Object", storage)


def test_files_of_one_name_do_not_take_each_others_place(folder: Path) -> None:
    paths = [folder / name / "my_model.py" for name in "ab"]
    for number, path in enumerate(paths):
        path.parent.mkdir()
        path.write_text(f"def train(params): return {number}\n")
    assert [find(f"{path}:train")({}) for path in paths] == [0, 1]


@pytest.mark.parametrize(
    "name",
    [
        "my model.py",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("trainer.py", "my-model.py", "studies.py", "1.py")
        ),
    ],
)
def test_a_file_of_any_name_trains_and_the_study_is_resumed_from_another_folder(
    name: str, run_hpo: Run, tmp_path: Path
) -> None:
    models, elsewhere = tmp_path / "mo:dels", tmp_path / "elsewhere"
    models.mkdir()
    elsewhere.mkdir()
    (models / "beside.py").write_text("def score(params): return params['x']\n")
    (models / name).write_text("import beside\ndef train(params): return beside.score(params)\n")
    few = ("--space", "x=0:1", "--rounds", 1, "--finalists", 0, "--epochs", 1, "-q")
    done = run_hpo("search", "--trainer", f"mo:dels/{name}:train", "--trials", 4, *few)
    assert (done.returncode, done.stderr) == (0, "")
    again = subprocess.run(
        [HPO, "resume", "train", "--trials", "8", "-q", "--storage", f"sqlite:///{tmp_path}/hpo.db"],
        cwd=elsewhere, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (again.returncode, again.stderr) == (0, "")
    assert "8 trials" in again.stdout
    with closing(sqlite3.connect(tmp_path / "hpo.db")) as database:
        ((plan,),) = database.execute("SELECT plan FROM hpo_studies").fetchall()
    assert json.loads(plan)["trainer"] == f"{models / name}:train"


def test_a_file_that_was_moved_is_given_anew_and_another_function_is_not(
    call_hpo: Call, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(TRAIN)
    own = "--space x=0:1 --rounds 1 --finalists 0 --epochs 1 -q"
    done = call_hpo(f"search --trainer mine.py:train --trials 4 {own}")
    assert done.status == 0, done.err
    (tmp_path / "new").mkdir()
    shutil.move(tmp_path / "mine.py", tmp_path / "new")
    gone = call_hpo("resume train --trials 8")
    assert gone.status == 2
    assert f"no file {tmp_path / 'mine.py'}" in gone.err
    (tmp_path / "other.py").write_text(TRAIN)
    other = call_hpo("resume train --trials 8 --trainer other.py:train")
    assert other.status == 2
    assert "trainer can't be changed" in other.err
    moved = call_hpo("resume train --trials 8 --trainer new/mine.py:train")
    assert moved.status == 0, moved.err
    assert f"→ {tmp_path / 'new' / 'mine.py'}:train" in moved.err
