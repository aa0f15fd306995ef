"""What the tests over the fixture studies share: the command line, and whether numbers may differ here."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest

from tests.earlier import environment
from tests.earlier.fixtures import Commands, Content

Same = Callable[[Content, Content], None]


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """The command line, each command in a process of its own that starts quickly."""
    made = Commands(tmp_path_factory.mktemp("commands"))
    yield made
    made.close()


@pytest.fixture
def same() -> Same:
    """Assert that two contents are the same, byte for byte.

    Numbers that were worked out anew may be others in another environment: then the test is skipped, with the reason.
    """

    def compare(found: Content, expected: Content) -> None:
        if found == expected:
            return
        if elsewhere := environment.differences():
            pytest.skip(f"numbers differ, as they may: {'; '.join(elsewhere)}")
        for part, text in expected.items():
            assert found[part].decode().splitlines() == text.decode().splitlines(), part
        pytest.fail("they differ in how their lines end, or in what is told")

    return compare


def trials_of(name: str, url: str) -> list[optuna.trial.FrozenTrial]:
    """The trials of a study as Optuna reads them."""
    storage = optuna.storages.RDBStorage(url)
    trials = optuna.load_study(study_name=name, storage=storage).trials
    storage.remove_session()
    storage.engine.dispose()
    return trials


def check_whole(name: str, url: str, trainings: int, before: Content, after: Content) -> None:
    """Whether a study that was resumed is complete, and kept all that it had, wherever it was resumed.

    No trial is left running and none is there twice; what had ended before is as it was, times included.
    """
    shown = json.loads(after["show"])
    assert shown["state"] == "complete"
    trials, had = rows(after["trials"]), rows(before["trials"])
    assert [int(t["number"]) for t in trials] == list(range(len(trials)))
    assert {t["state"] for t in trials} <= {"complete", "pruned", "failed"}
    assert all(t.state.is_finished() for t in trials_of(name, url))
    ended = [k for k, trial in enumerate(had) if trial["state"] != "running"]
    for k in ended:
        of_the_search = (
            "round",
            "epochs",
        )  # which a study of Optuna's has not before it is resumed
        kept = {key: v for key, v in had[k].items() if v or key not in of_the_search}
        assert kept.items() <= trials[k].items()
    curves, had_curves = rows(after["epochs"]), rows(before["epochs"])
    points = [(point["trial"], point["epoch"]) for point in curves]
    assert len(points) == len(set(points))
    numbers = {str(k) for k in ended}
    assert [c for c in curves if c["trial"] in numbers] == had_curves
    confirming = sum(len(f["values"]) for f in shown["finalists"])
    assert len(trials) < len(trials) + confirming <= trainings


def rows(table: bytes) -> list[dict[str, str]]:
    """The rows of a table in CSV."""
    return list(csv.DictReader(io.StringIO(table.decode())))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder to search in."""
    made = tmp_path / "searches"
    made.mkdir()
    return made
