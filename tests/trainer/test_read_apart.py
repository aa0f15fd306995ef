"""Reading in a process of its own: the same arrays, the same errors, and nothing left behind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainer.data.table import TEST, DataError, Splits, load
from trainer.read_apart import Reader

OPTIONS: dict[str, Any] = {"seed": 3, "rows": None, "dtype": "float32"}


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
def test_a_reader_gives_what_load_gives(source: str, options: dict[str, Any]) -> None:
    with Reader() as reader:
        draw, expected = (place(source, None, **options) for place in (reader.load, load))
        for which in (0, 2, TEST):
            assert same(draw(which), expected(which))


def test_a_file_is_found_from_the_folder_one_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{i},{'ab'[i % 2]}" for i in range(40)]
    (tmp_path / "ü x.csv").write_text("\n".join(["x,y", *rows]), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with Reader() as reader:
        draw = reader.load("ü x.csv", "y", **OPTIONS)
        assert same(draw(0), load("ü x.csv", "y", **OPTIONS)(0))


@pytest.mark.parametrize(
    ("source", "target"), [("nowhere.csv", "y"), ("irises", None), ("iris", "species")]
)
def test_an_error_is_the_one_that_load_raises(source: str, target: str | None) -> None:
    with pytest.raises(DataError) as here:
        load(source, target, **OPTIONS)
    with Reader() as reader, pytest.raises(DataError) as there:
        reader.load(source, target, **OPTIONS)
    assert str(there.value) == str(here.value)


def test_a_split_that_can_not_be_made_is_told_as_load_tells_it() -> None:
    options = {**OPTIONS, "rows": 119}
    with pytest.raises(DataError) as here:
        load("iris", None, **options)(0)
    with Reader() as reader:
        draw = reader.load("iris", None, **options)
        with pytest.raises(DataError) as there:
            draw(0)
    assert str(there.value) == str(here.value)


def test_a_reader_that_was_killed_says_what_it_was_reading_and_how_it_ended() -> None:
    with Reader() as reader:
        reader._process.kill()
        with pytest.raises(RuntimeError, match="the process that reads iris ended with status -9"):
            reader.load("iris", None, **OPTIONS)


def test_what_goes_wrong_in_the_reader_itself_is_told() -> None:
    with Reader() as reader, pytest.raises(RuntimeError, match="TypeError"):
        reader.load("iris", None, **OPTIONS, colour="red")


@pytest.mark.parametrize("used", [False, True])
def test_nothing_is_left_running_or_open_after_a_reader(used: bool) -> None:
    with Reader() as reader:
        process = reader._process
        if used:
            reader.load("iris", None, **OPTIONS)(0)
    assert process.returncode is not None
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
    assert all(
        pipe is not None and pipe.closed for pipe in (process.stdin, process.stdout, process.stderr)
    )


@pytest.mark.parametrize("name", ["trainer", "sklearn", "json"])
def test_a_file_of_the_users_does_not_take_a_modules_place(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong file was run')")
    monkeypatch.chdir(tmp_path)
    with Reader() as reader:
        assert reader.load("iris", None, **OPTIONS)(0).outputs == 3
