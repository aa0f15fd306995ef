"""One trial trained again, alone: identical to the last bit, or where it differs."""

# Law 3: a trial does not feel its neighbours.

from __future__ import annotations

import contextlib
import json
import math
import shutil
import sqlite3
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hpo
from hpo import operations
from hpo.errors import StorageError
from hpo.run.provenance import differences, provenance
from hpo.run.reproducing import Difference, first_difference
from hpo.run.watcher import Watcher
from hpo.trainables import session
from studies import Study
from tests.running import Call


def test_every_kind_of_trial_is_identical_to_the_last_bit(study: Study) -> None:
    frame = study.trials_frame()
    diverged = frame[frame["state"] == "failed"]["number"].tolist()
    complete = frame[frame["state"] == "complete"]["number"].tolist()
    assert diverged
    for number in (*diverged[:2], complete[0], complete[-1]):
        found = hpo.reproduce(study.name, number, storage=study.storage)
        assert found.identical, found
        assert found.environment == []
        assert found.epochs == frame["epochs"][number]
        assert "validation_rmse" in found.metrics or not found.epochs


def test_one_that_left_at_a_rung_is_trained_up_to_it(storage: str) -> None:
    study = hpo.search(
        "wine", trials=40, epochs=9, halving=3, finalists=0, storage=storage, name="h"
    )
    frame = study.trials_frame()
    for left in (1, 3):
        number = int(frame[frame["epochs"] == left]["number"].iloc[0])
        found = hpo.reproduce("h", number, storage=storage)
        assert (found.identical, found.epochs) == (True, left)


def test_one_whose_curve_is_shown_while_it_trains_is_trained_to_its_end(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(params: Mapping[str, Any]) -> Iterator[dict[str, float]]:
        for epoch in range(100):
            yield {"score": params["x"] + epoch}

    monkeypatch.setattr(session, "SHOWING_SECONDS", 0)
    hpo.search(
        train, space={"x": hpo.Float(0, 1)}, trials=1, rounds=1, epochs=100, finalists=0, storage=storage,
        name="f", progress=False,
    )  # fmt: skip
    found = hpo.reproduce("f", 0, storage=storage, train=train)
    assert (found.identical, found.epochs) == (True, 100)


def broken(params: Mapping[str, Any]) -> float:
    if params["x"] > 0.5:
        raise RuntimeError("x is too large")
    return float(params["x"])


def test_a_trial_that_failed_fails_again_with_the_same_words(storage: str) -> None:
    study = hpo.search(broken, space={"x": hpo.Float(0, 1)}, trials=10, storage=storage, name="b")
    assert set(study.trials_frame()["state"]) == {"complete", "failed"}
    for number in study.trials_frame()["number"].tolist():
        found = hpo.reproduce("b", number, storage=storage, train=broken)
        assert found.identical, found


calls = 0


def restless(params: Mapping[str, Any], *, epochs: int) -> Iterator[dict[str, float]]:
    """Its third epoch is another at every call."""
    global calls
    calls += 1
    for epoch in range(1, epochs + 1):
        yield {"score": params["x"] + (calls if epoch == 3 else 0), "other": 1.0}


def test_what_is_not_the_same_again_is_found_out(storage: str) -> None:
    space = {"x": hpo.Float(0, 1)}
    plan: dict[str, Any] = {"metric": "score", "direction": "maximize", "epochs": 5, "trials": 6}
    hpo.search(restless, space=space, **plan, storage=storage, name="r")
    found = hpo.reproduce("r", 2, storage=storage, train=restless)
    assert not found.identical
    assert found.difference is not None
    assert found.difference[:2] == (3, "score")


def change_a_bit(study: Study, folder: Path, trial: int, epoch: int) -> None:
    """Make a copy of the study with the last bit of one number turned over."""
    path = folder / "hpo.db"
    original = sqlite3.connect(study.storage.removeprefix("sqlite:///"))
    with contextlib.closing(original), contextlib.closing(sqlite3.connect(path)) as copy:
        original.backup(copy)
        query = (
            "SELECT c.trial_id, points FROM hpo_curves c JOIN trials t ON t.trial_id = c.trial_id "
            "WHERE number = ? AND metric = 'validation_rmse'"
        )
        trial_id, points = copy.execute(query, (trial,)).fetchone()
        curve = json.loads(points)
        (bits,) = struct.unpack("<q", struct.pack("<d", curve[epoch - 1]))
        (curve[epoch - 1],) = struct.unpack("<d", struct.pack("<q", bits ^ 1))
        copy.execute(
            "UPDATE hpo_curves SET points = ? WHERE trial_id = ? AND metric = 'validation_rmse'",
            (json.dumps(curve), trial_id),
        )
        copy.commit()


def test_a_single_bit_is_seen_and_told(study: Study, tmp_path: Path, call_hpo: Call) -> None:
    frame = study.trials_frame()
    trial = int(frame[frame["state"] == "complete"]["number"].iloc[0])
    change_a_bit(study, tmp_path, trial, 2)
    told = call_hpo(f"reproduce {study.name} {trial}")
    assert told.status == 1
    assert told.out.startswith(f"trial {trial}: first differs after epoch 2: validation_rmse ")
    assert "versions, machine and BLAS are the same as then" in told.out
    said = json.loads(call_hpo(f"reproduce {study.name} {trial} --json").out)
    assert said["identical"] is False
    assert (said["difference"]["epoch"], said["difference"]["metric"]) == (2, "validation_rmse")
    other = int(frame[frame["state"] == "complete"]["number"].iloc[1])
    same = call_hpo(f"reproduce {study.name} {other}")
    assert (same.status, same.err) == (0, "")
    assert same.out.startswith(f"trial {other}: identical to the last bit (4 epochs of ")


def test_another_version_is_named(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "copy.db"
    shutil.copyfile(study.storage.removeprefix("sqlite:///"), path)
    with contextlib.closing(sqlite3.connect(path)) as copy:
        ((text,),) = copy.execute("SELECT provenance FROM hpo_studies").fetchall()
        then = json.loads(text)
        then["versions"]["numpy"] = "1.0"
        then["blas"] = [{"internal_api": "openblas", "version": "0", "architecture": "Haswell"}]
        copy.execute("UPDATE hpo_studies SET provenance = ?", (json.dumps(then),))
        copy.commit()
    numpy, blas = hpo.reproduce(study.name, 0, storage=f"sqlite:///{path}").environment
    assert numpy.startswith("numpy 1.0, now ")
    assert blas.startswith("BLAS openblas 0 Haswell, now ")


def test_a_blas_that_is_loaded_at_times_is_no_difference() -> None:
    import scipy.linalg  # noqa: F401  # which brings a BLAS of its own

    now = provenance()
    assert len(now["blas"]) == 1
    numpys, other = now["blas"][0], {"internal_api": "mkl", "version": "1", "architecture": "a"}
    then = {**now, "blas": [other, numpys]}  # as earlier versions recorded it
    assert differences(then, now) == differences(now, then) == []
    (line,) = differences({**now, "blas": [other]}, now)
    assert line.startswith("BLAS mkl 1 a, now ")


def test_a_resume_under_other_versions_says_so_and_is_remembered(storage: str) -> None:
    hpo.search("wine", trials=8, epochs=1, storage=storage, name="w")
    path = storage.removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path)) as database:
        ((text,),) = database.execute("SELECT provenance FROM hpo_studies").fetchall()
        then = json.loads(text)
        then["versions"]["numpy"] = "1.0"
        database.execute("UPDATE hpo_studies SET provenance = ?", (json.dumps(then),))
        database.commit()
    heard: list[str] = []

    class Ear(Watcher):
        def noticed(self, what: str) -> None:
            heard.append(what)

    study = operations.resume("w", trials=12, storage=storage, watcher=Ear())
    assert heard[1].startswith("the environment has changed: numpy 1.0, now ")
    old, new = (0, len(study.trials_frame()) - 1)
    assert hpo.reproduce("w", old, storage=storage).environment[0].startswith("numpy 1.0, now ")
    assert hpo.reproduce("w", new, storage=storage).environment == []
    again: list[str] = heard[:]
    operations.resume("w", trials=16, storage=storage, watcher=Ear())
    assert not any("environment has changed" in what for what in heard[len(again) :])


def test_a_trial_that_is_not_there_is_named(study: Study, call_hpo: Call) -> None:
    with pytest.raises(StorageError, match="no trial 500 in study 'small': it has 0 to 44"):
        hpo.reproduce("small", 500, storage=study.storage)
    refused = call_hpo(f"reproduce small 500 --storage {study.storage}")
    assert refused.status == 1


NUMBERS = st.floats(width=64)
CURVE = st.lists(NUMBERS, max_size=5)


@given(st.dictionaries(st.sampled_from("abc"), CURVE))
def test_a_curve_is_the_same_as_itself(curves: dict[str, list[float]]) -> None:
    assert first_difference(curves, {name: [*points] for name, points in curves.items()}) is None


@given(st.lists(NUMBERS, min_size=1), st.data())
def test_the_first_epoch_that_differs_is_told(curve: list[float], data: st.DataObject) -> None:
    epoch = data.draw(st.integers(1, len(curve)))
    other = [*curve]
    other[epoch - 1] = 0.0 if math.isnan(curve[epoch - 1]) else math.nan
    found = first_difference({"a": curve}, {"a": other})
    assert found is not None
    assert found[:2] == (epoch, "a")
    shorter = first_difference({"a": curve}, {"a": curve[: epoch - 1]})
    assert shorter is not None
    assert (shorter.epoch, shorter.now) == (epoch, None)


def test_minus_zero_is_not_zero() -> None:
    assert first_difference({"a": [0.0]}, {"a": [-0.0]}) == Difference(1, "a", 0.0, -0.0)
