"""Functions in processes of their own: what one does reaches no other trial, and the study is the same."""

# Law 2: the same seed gives the same study, on one worker or several.
# Law 3: a trial does not feel its neighbours.

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hpo
from hpo.run.cancel import Cancel
from hpo.trainables.named import find
from studies import Study
from tests.running import Tables

SPACE = {"x": hpo.Float(0, 1)}
EPOCHS = 4


def drawing(params: dict[str, Any], *, epochs: int) -> Iterator[dict[str, float]]:
    """Draws from the global generators, and seeds none of them."""
    for _ in range(epochs):
        yield {"score": params["x"] + random.random() + float(np.random.rand())}  # noqa: S311


def searched(train: Any, storage: str, workers: int = 2, **plan: Any) -> Study:
    options: Any = {"trials": 16, "epochs": EPOCHS, "metric": "score", "finalists": 0, **plan}
    return hpo.search(
        train, space=SPACE, storage=storage, name="s", workers=workers, progress=False,
        executor="processes", **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    "plan",
    [
        {"halving": 2, "trials": 20},
        *(pytest.param(plan, marks=pytest.mark.slow) for plan in ({}, {"ahead": 4})),
    ],
)
def test_global_generators_give_the_same_study_on_any_number_of_workers(
    plan: dict[str, Any], tmp_path: Path, tables: Tables
) -> None:
    urls = [f"sqlite:///{tmp_path}/{workers}.db" for workers in (1, 2, 4)]
    for url, workers in zip(urls, (1, 2, 4), strict=True):
        searched(drawing, url, workers, **plan)
    first, *others = [tables("s", url) for url in urls]
    assert all(other == first for other in others)


def test_what_a_trial_leaves_behind_reaches_no_other(storage: str, tmp_path: Path) -> None:
    here = Path.cwd()

    def train(params: dict[str, Any]) -> float:
        assert Path.cwd() == here
        os.chdir(tmp_path)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if params["x"] > 0.5:
            sys.exit(3)
        return float(params["x"])

    frame = searched(train, storage, metric=None, epochs=1).trials_frame()
    assert set(frame["state"]) == {"complete", "failed"}
    assert set(frame["error"].dropna()) == {"SystemExit: the function called sys.exit(3)"}
    assert Path.cwd() == here


def test_a_process_that_is_killed_is_replaced_and_the_study_is_the_same(
    tmp_path: Path, tables: Tables
) -> None:
    killed = tmp_path / "killed"

    def train(params: dict[str, Any], *, epochs: int) -> Iterator[dict[str, float]]:
        for epoch, metrics in enumerate(drawing(params, epochs=epochs)):
            if epoch == 2 and params["x"] > 0.5 and not killed.exists():
                killed.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            yield metrics

    one, other = f"sqlite:///{tmp_path}/1.db", f"sqlite:///{tmp_path}/2.db"
    searched(train, one)
    assert killed.exists()
    searched(train, other)
    assert tables("s", one) == tables("s", other)


def test_a_process_that_dies_again_and_again_fails_its_trial_alone(storage: str) -> None:
    def train(params: dict[str, Any]) -> float:
        if params["x"] > 0.5:
            os._exit(7)
        return float(params["x"])

    frame = searched(train, storage, trials=6, metric=None, epochs=1).trials_frame()
    failed = frame[frame["x"] > 0.5]
    assert 0 < len(failed) < len(frame)
    assert set(frame["state"][frame["x"] <= 0.5]) == {"complete"}
    assert all("its process died 3 times" in error and "7" in error for error in failed["error"])


def test_what_it_prints_is_kept_with_its_trial(
    storage: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def train(params: dict[str, Any]) -> float:
        print("by print", params["x"])
        os.system("echo from a shell")  # noqa: S605
        return float(params["x"])

    study = searched(train, storage, metric=None, epochs=1, ahead=4)
    out, err = capfd.readouterr()
    assert out == ""
    for number, x in study.trials_frame()[["number", "x"]].itertuples(index=False):
        printed = study.trial(number).trial.attributes["output"]
        assert printed == f"by print {x}\nfrom a shell\n"
        assert f"by print {x}\n" in err


def test_a_function_that_cannot_travel_is_refused_before_anything_is_written(
    storage: str, tmp_path: Path
) -> None:
    lock = threading.Lock()

    def train(params: dict[str, Any]) -> float:
        with lock:
            return float(params["x"])

    with pytest.raises(hpo.PlanError, match=r"can't travel to another process: .*lock"):
        searched(train, storage, metric=None)
    assert not list(tmp_path.iterdir())


def test_a_file_of_any_name_is_loaded_there_by_its_path(storage: str, tmp_path: Path) -> None:
    (tmp_path / "helper_of_it.py").write_text("def half(x):\n    return x / 2\n")
    file = tmp_path / "my model.py"
    code = "import helper_of_it\ndef train(params):\n    return helper_of_it.half(params['x'])\n"
    file.write_text(code)
    study = searched(find(f"{file}:train"), storage, metric=None, epochs=1)
    frame = study.trials_frame()
    assert list(frame["value"]) == list(frame["x"] / 2)


def test_a_file_that_was_loaded_once_and_is_gone_is_not_needed(
    storage: str, tmp_path: Path
) -> None:
    gone, file = tmp_path / "gone.py", tmp_path / "mine.py"
    for each in (gone, file):
        each.write_text("def train(params):\n    return params['x']\n")
    find(f"{gone}:train")
    gone.unlink()
    study = searched(find(f"{file}:train"), storage, metric=None, epochs=1)
    frame = study.trials_frame()
    assert list(frame["value"]) == list(frame["x"])


def test_the_end_of_a_search_waits_for_no_step(storage: str, tmp_path: Path) -> None:
    """The function would sleep for an hour; Ctrl-C, or `kill`, ends the search now."""
    began, cancel = tmp_path / "began", Cancel()

    def train(params: dict[str, Any]) -> float:
        began.touch()
        time.sleep(3600)
        return float(params["x"])

    def stop() -> None:
        while not began.exists():
            time.sleep(0.01)
        cancel.request()

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(hpo.CancelledError):
        searched(train, storage, metric=None, epochs=1, cancel=cancel)
    thread.join()


def test_a_trial_that_never_answers_fails_after_its_time(storage: str) -> None:
    def train(params: dict[str, Any], *, epochs: int) -> Iterator[float]:
        for epoch in range(epochs):
            if epoch == 1 and params["x"] > 0.5:
                time.sleep(3600)
            yield float(params["x"])

    frame = searched(train, storage, trials=4, rounds=1, epochs=2, trial_timeout=1.5).trials_frame()
    failed = frame["x"] > 0.5
    assert set(frame["state"][~failed]) == {"complete"}
    assert all("trial_timeout of 1.5 s" in error for error in frame["error"][failed])
    assert failed.any()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process so")
def test_a_trial_that_needs_too_much_memory_fails_alone(storage: str) -> None:
    def train(params: dict[str, Any]) -> float:
        size = 3 * 10**9 if params["x"] > 0.5 else 10**6
        return float(np.ones(size, np.uint8)[-1])

    frame = searched(train, storage, trials=6, rounds=1, epochs=1, trial_memory="2G").trials_frame()
    failed = frame["x"] > 0.5
    assert set(frame["state"][~failed]) == {"complete"}
    assert all("Memory" in error for error in frame["error"][failed])
    assert failed.any()


def test_a_training_goes_on_from_its_checkpoint_after_its_process_died(
    storage: str, tmp_path: Path
) -> None:
    def train(params: dict[str, Any], *, epochs: int, folder: Path) -> Iterator[float]:
        checkpoint = folder / "checkpoint"
        done = (
            [float(line) for line in checkpoint.read_text().split()] if checkpoint.exists() else []
        )
        yield from done
        for epoch in range(len(done), epochs):
            if epoch == 2 and not (folder / "died").exists():
                (folder / "died").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            done.append(params["x"] * epoch)
            with (tmp_path / "trained").open("a") as file:
                file.write(f"{epoch}\n")
            checkpoint.write_text(" ".join(map(str, done)))
            yield done[-1]

    study = searched(train, storage, trials=4, rounds=1, metric=None)
    assert study.epochs_frame()["value"].tolist() == [
        x * epoch for x in study.trials_frame()["x"] for epoch in range(EPOCHS)
    ]
    assert sorted((tmp_path / "trained").read_text().split()) == sorted("0123" * 4)
