"""A search from a script: data in memory, names that exist, Ctrl-C, failures, and messages in Python's words."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hpo
from hpo.errors import in_python
from hpo.plan.sequences import from_sequence
from hpo.plan.space import Categorical, Float, Int
from tests.running import wait_until

FEW: Any = {"trials": 2, "rounds": 1, "epochs": 1, "finalists": 0, "progress": False}
X = np.random.default_rng(0).normal(size=(60, 3))
Y = np.array(["a", "b", "c"])[np.arange(60) % 3]
FRAME = pd.DataFrame(X, columns=["u", "v", "w"]).assign(label=Y)


def told(call: Callable[[], Any]) -> str:
    with pytest.raises(hpo.HpoError) as error:
        call()
    return str(error.value)


def test_arrays_and_frames_are_searched_on_and_resumed_with_the_same_data(storage: str) -> None:
    where: Any = {"storage": storage, "progress": False}
    for name, passed, target in (
        ("arrays", {"X": X, "y": Y}, None),
        ("lists", {"X": X.tolist(), "y": list(Y)}, None),
        ("frame", {"X": FRAME}, "label"),
        ("both", {"X": FRAME[["u", "v"]], "y": FRAME["label"]}, None),
    ):
        study = hpo.search(
            passed["X"], passed.get("y"), target=target, name=name, storage=storage, **FEW
        )
        assert study.best is not None
        assert hpo.reproduce(name, 1, storage=storage, **passed).identical
        assert len(hpo.resume(name, trials=3, **passed, **where).trials_frame()) == 3
    changed = X.copy()
    changed[7, 2] += 1
    assert "'x2' has other values" in told(
        lambda: hpo.resume("arrays", trials=9, X=changed, y=Y, **where)
    )
    assert "rows 60, now 59" in told(lambda: hpo.resume("frame", trials=9, X=FRAME[1:], **where))
    assert "hpo.resume(NAME, X=X, y=y)" in told(lambda: hpo.resume("arrays", trials=9, **where))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((X,), "hpo.search(X, y)"),
        ((X, Y[:-1]), "one label for each of the 60 rows"),
        ((X, np.stack([Y, Y], 1)), "(60, 2)"),
        ((X[:, 0], Y), "(60,)"),
        ((FRAME, FRAME["label"]), "'label' is a column of X, too"),
        ((pd.concat([FRAME, FRAME], axis=1), Y), "several columns are called 'u'"),
        (("iris", Y), "hpo.search(X, y)"),
        (({"a": 1}, Y), "neither the name of a source nor a function"),
    ],
)
def test_data_that_can_not_be_used_are_told(given: Any, says: str, storage: str) -> None:
    assert says in told(lambda: hpo.search(*given, storage=storage, **FEW))
    assert not Path(storage.removeprefix("sqlite:///")).exists()


def test_a_name_that_exists_is_an_error_or_resumed_or_numbered(storage: str) -> None:
    def search(**how: Any) -> Any:
        return hpo.search(X, Y, name="s", storage=storage, **FEW | how)

    search(if_exists="resume")
    assert "hpo.resume('s'), or give another name" in told(search)
    assert "'nwe' is not one of" in told(lambda: search(if_exists="nwe"))
    assert len(search(if_exists="resume").trials_frame()) == 2
    assert len(search(if_exists="resume", trials=4).trials_frame()) == 4
    assert "epochs can't be changed" in told(lambda: search(if_exists="resume", trials=4, epochs=2))
    assert search(if_exists="new").summary()["study"] == "s-2"


def fails(params: dict[str, float]) -> float:
    raise ZeroDivisionError(params["x"])


@pytest.mark.parametrize("trials", [2, 30])
def test_if_all_trials_fail_the_first_error_is_the_cause(trials: int, storage: str) -> None:
    with pytest.raises(hpo.TooManyFailuresError) as error:
        hpo.search(fails, space={"x": (0.0, 1.0)}, storage=storage, **FEW | {"trials": trials})
    assert isinstance(error.value.__cause__, ZeroDivisionError)


SCRIPT = """
import hpo, time
def train(params, *, epochs):
    for _ in range(epochs):
        time.sleep(0.01)
        yield {"accuracy": params["x"]}
try:
    hpo.search(train, space={"x": (0.0, 1.0)}, epochs=10, trials=600, name="s")
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_says_how_to_resume(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as script:  # fmt: skip
        wait_until("SELECT count(*) FROM trials", f"sqlite:///{tmp_path}/hpo.db")
        script.send_signal(signal.SIGINT)
        out, err = script.communicate(timeout=30)
    assert (script.returncode, out) == (0, "interrupted\n")
    assert re.fullmatch(
        r"s: 600 .*\n(.+\n)*Stopped\. To go on: hpo\.resume\('s', train=train\)\n", err
    )


def test_handlers_of_the_users_own_stay(storage: str) -> None:
    before = signal.signal(signal.SIGINT, handler := lambda *_: None)
    try:
        hpo.search(X, Y, storage=storage, **FEW)
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("message", "python"),
    [
        ("or give another --name", "or give another name"),
        ("go on with hpo resume 'my study', or", "go on with hpo.resume('my study'), or"),
        ("wait, or use --take-over", "wait, or use take_over=True"),
        ("say --task=regression", 'say task="regression"'),
        ("start with hpo search", "start with hpo.search"),
        ("once it is mended, hpo resume goes on", "once it is mended, hpo.resume goes on"),
        (
            "run hpo upgrade --storage sqlite:///a--b.db",
            "run hpo upgrade --storage sqlite:///a--b.db",
        ),
    ],
)
def test_messages_speak_python(message: str, python: str) -> None:
    assert in_python(message) == python


@pytest.mark.parametrize(
    ("values", "parameter"),
    [
        ((0.0, 0.5), Float(0, 0.5)),
        ((0, 1), Float(0, 1)),
        ((8, 64), Int(8, 64)),
        ((-1, 1.5), Float(-1, 1.5)),
        (["relu", "tanh"], Categorical(("relu", "tanh"))),
        ((16, 32, 64), Categorical((16, 32, 64))),
        ((True, False), Categorical((True, False))),
    ],
)
def test_a_pair_is_a_range_and_what_is_no_pair_is_choices(values: Any, parameter: Any) -> None:
    assert from_sequence(values) == parameter


@pytest.mark.parametrize(
    ("values", "says"), [([0, 1], "or two choices"), ((1e-5, 1), "log=True"), ((2, 1), "above")]
)
def test_a_pair_that_may_mean_several_things_is_refused(values: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        from_sequence(values)
