"""Data that are read in a worker: the same arrays, the same errors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainer.trainings import begin
from trainer.data import TEST, Splits, load
from trainer.data.remote import MODULES, RemoteDraw
from trainer.errors import DataError
from trainer.recipe import Rows
from trainer.worker import Worker

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no workers elsewhere")


OPTIONS: dict[str, Any] = {"seed": 3, "rows": None, "dtype": "float32"}


@pytest.fixture(scope="module")
def reader() -> Iterator[Worker]:
    """A worker that many tests ask, one after another."""
    with Worker() as opened:
        yield opened


def same(one: Splits, other: Splits) -> bool:
    arrays = [(part.X, part.y) for s in (one, other) for part in (s.train, s.validation)]
    for (X, y), (other_X, other_y) in zip(arrays[:2], arrays[2:], strict=True):
        np.testing.assert_array_equal(X, other_X, strict=True)
        np.testing.assert_array_equal(y, other_y, strict=True)
    return (one.task, one.outputs, one.target_scale, one.fingerprint) == (
        other.task,
        other.outputs,
        other.target_scale,
        other.fingerprint,
    )


@pytest.mark.parametrize("options", [OPTIONS, {"seed": 0, "rows": 100, "dtype": "float64"}])
@pytest.mark.parametrize("source", ["iris", "diabetes"])
def test_a_worker_draws_what_load_draws(
    source: str, options: dict[str, Any], reader: Worker, classes: tuple[Rows, Rows]
) -> None:
    expected = load(source, None, **options)
    draw = RemoteDraw(reader, source, None, **options)
    training = begin(reader, classes)
    next(training)
    for which in (0, 2, TEST):
        assert same(draw(which), expected(which))
    assert len(list(training)) == 5


def test_a_file_is_found_from_the_folder_one_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [f"{i},{'ab'[i % 2]}" for i in range(40)]
    (tmp_path / "ü x.csv").write_text("\n".join(["x,y", *cells]), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with Worker() as worker:
        draw = RemoteDraw(worker, "ü x.csv", "y", **OPTIONS)
        assert same(draw(0), load("ü x.csv", "y", **OPTIONS)(0))


@pytest.mark.parametrize(
    ("source", "target", "rows"),
    [
        ("nowhere.csv", "y", None),
        ("irises", None, None),
        ("iris", "kind", None),
        ("iris", None, 119),
    ],
)
def test_an_error_is_the_one_that_load_raises(
    source: str, target: str | None, rows: int | None, reader: Worker
) -> None:
    options = {**OPTIONS, "rows": rows}
    with pytest.raises(DataError) as here:
        load(source, target, **options)(0)
    with pytest.raises(DataError) as there:
        RemoteDraw(reader, source, target, **options)(0)
    assert str(there.value) == str(here.value)


def test_a_killed_process_names_what_it_was_reading_and_how_it_ended(worker: Worker) -> None:
    draw = RemoteDraw(worker, "iris", None, **OPTIONS)
    worker.process.kill()
    with pytest.raises(RuntimeError, match=r"iris.*status -9"):
        draw(0)
    with pytest.raises(RuntimeError, match=r"iris.*status -9"):
        RemoteDraw(worker, "iris", None, **OPTIONS)


def test_a_file_of_the_users_does_not_take_a_modules_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("trainer", "sklearn", "pickle"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong file was run')")
    monkeypatch.chdir(tmp_path)
    with Worker(*MODULES) as worker:
        assert RemoteDraw(worker, "iris", None, **OPTIONS)(0).outputs == 3
