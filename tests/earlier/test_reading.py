"""Studies that earlier code wrote, complete or killed, are read as they were read then, to the last byte."""

# Law 6: Optuna's schema is the record.

from __future__ import annotations

import json
from pathlib import Path

import pytest

import studies
from tests.earlier import fixtures
from tests.earlier.conftest import Same, trials_of
from tests.earlier.conftest import rows as rows_of
from tests.earlier.fixtures import AS_OPTUNA_MADE_IT, FIXTURES, Commands

STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}
FILES = {name: name for name in FIXTURES} | {
    name: fixture.name for name, fixture in fixtures.copies().items()
}
"""What the study in each file is called."""
FEW = ("digits", "people", "valley", "halving", AS_OPTUNA_MADE_IT, "valley-killed-in-a-batch")
FEW_OF_FILES = [pytest.param(f, marks=[] if f in FEW else [pytest.mark.slow]) for f in FILES]
STORED = ("trials", "epochs", "rounds")  # numbers that are in the database as they are


def test_every_fixture_is_read() -> None:
    stored = {path.name.removesuffix(".db.gz") for path in fixtures.STORED.glob("*.db.gz")}
    assert stored == FILES.keys()
    assert {path.stem for path in fixtures.EXPECTED.iterdir()} == FILES.keys()


@pytest.mark.parametrize("file", FEW_OF_FILES)
def test_exports_and_summary_are_as_they_were(
    file: str, commands: Commands, same: Same, folder: Path
) -> None:
    url, expected = fixtures.unpack(file, folder), fixtures.expected(file)
    database = (folder / "hpo.db").read_bytes()
    found = commands.content(FILES[file], url, folder)
    for part in STORED:
        assert found[part].decode().splitlines() == expected[part].decode().splitlines(), part
        assert found[part] == expected[part]
    same(found, expected)
    assert (folder / "hpo.db").read_bytes() == database


@pytest.mark.parametrize("file", FEW_OF_FILES)
def test_optuna_and_python_read_the_same_trials(file: str, folder: Path) -> None:
    name, url, expected = FILES[file], fixtures.unpack(file, folder), fixtures.expected(file)
    rows = rows_of(expected["trials"])
    trials = trials_of(name, url)
    study = studies.load(name, url)
    frame = study.trials_frame()
    assert [name for name in frame.columns if name != "error"] == list(rows[0])
    assert len(frame) == len(trials) == len(rows)
    for row, trial, state, value in zip(rows, trials, frame["state"], frame["value"], strict=True):
        assert int(row["number"]) == trial.number
        assert row["state"] == STATES[trial.state.name] == state
        if row["value"]:
            assert float(row["value"]) == trial.value == value
        for parameter, setting in trial.params.items():
            assert row[parameter] == str(setting)
    # An address is shown as it was given; all else is what `hpo show --json` prints.
    summary = json.loads(json.dumps(study.summary())) | {"storage": ""}
    assert summary.keys() == json.loads(expected["show"]).keys()
    for key in ("state", "trials", "best", "rounds", "ranges", "epochs_trained"):
        assert summary[key] == json.loads(expected["show"])[key], key


@pytest.mark.parametrize(
    "file",
    ["valley", *(pytest.param(f, marks=pytest.mark.slow) for f in FILES if f != "valley")],
)
def test_a_report_is_written(file: str, commands: Commands, folder: Path) -> None:
    url = fixtures.unpack(file, folder)
    commands(["report", FILES[file], "-o", "page.html", "--storage", url], folder)
    page = (folder / "page.html").read_text()
    assert page.count("<svg") > 1
    assert FILES[file] in page
    assert "<b>use more</b>" not in page
