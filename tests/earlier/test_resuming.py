"""Studies that earlier code began and that were killed: resumed, they keep all they had, and go on by today's choices.

Where nothing was left to choose, they become what that code made of them, bit for bit.
"""

# Law 2: the same seed gives the same study.

from __future__ import annotations

import re
from pathlib import Path

import pytest

import studies
from tests.earlier import fixtures
from tests.earlier.conftest import Same, check_whole
from tests.earlier.fixtures import FIXTURES, Commands

MORE = (
    "valley-killed-in-a-batch", "patience-killed-in-the-first-stage",
    "halving-killed-in-a-batch", "people-killed-in-a-batch", "widened-killed-in-a-batch",
    "digits-killed-in-a-stage", "valley-killed-in-a-stage", "adopted-killed-in-a-batch",
    "exact-killed-in-a-batch", "crowd-killed-in-a-batch", "diabetes-killed-in-a-batch",
    "adopted-as-optuna-made-it", "digits-killed-at-the-test-rows",
)  # fmt: skip
NOTHING_TO_CHOOSE = ("digits-killed-at-the-test-rows",)
# A ranking is recorded with a stage, and the best setting of this one had been confirmed before the kill.
NO_STAGE_TO_COME = (*NOTHING_TO_CHOOSE, "exact-killed-in-a-batch")


@pytest.mark.parametrize(
    "file",
    [pytest.param(f, marks=[pytest.mark.slow] if f in MORE else []) for f in fixtures.copies()],
)
def test_a_killed_study_ends_as_if_it_had_never_stopped(
    file: str, commands: Commands, same: Same, folder: Path
) -> None:
    fixture, url, before = (
        fixtures.copies()[file],
        fixtures.unpack(file, folder),
        fixtures.expected(file),
    )
    done = fixtures.run([*fixtures.resuming(file), "--storage", url], folder)
    assert done.returncode == 0, done.stderr.decode()
    after = commands.content(fixture.name, url, folder)
    check_whole(fixture.name, url, fixture.trials, before, after)
    if file in NOTHING_TO_CHOOSE:
        # Only the interval of the score on the test rows is new.
        show, count = re.subn(rb'(?<="),\n    "ci95": \[[^]]*\](?=\n  }\n}$)', b"", after["show"])
        assert count == 1
        found = fixtures.timeless(after | {"show": show})
        same(found, fixtures.timeless(fixtures.expected(fixture.name)))
    again = folder / "again"
    again.mkdir()
    url = fixtures.unpack(file, again)
    assert fixtures.run([*fixtures.resuming(file), "--storage", url], again).returncode == 0
    same(fixtures.timeless(commands.content(fixture.name, url, again)), fixtures.timeless(after))
    recorded = studies.load(fixture.name, url).read().note == ""  # of a ranking
    assert recorded == (file not in NO_STAGE_TO_COME)


@pytest.mark.parametrize(
    "name", ["exact", *(pytest.param(n, marks=pytest.mark.slow) for n in FIXTURES if n != "exact")]
)
def test_a_complete_study_that_is_resumed_stays_as_it_is(
    name: str, commands: Commands, same: Same, folder: Path
) -> None:
    url = fixtures.unpack(name, folder)
    done = fixtures.run(["resume", name, "-q", "--storage", url], folder)
    assert done.returncode == 0, done.stderr.decode()
    same(commands.content(name, url, folder), fixtures.expected(name))
