"""The commands as a user runs them: what they print, where, and with which exit status."""

# Law 9: errors and misunderstandings are said.

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from studies import Study
from tests.running import HPO, Call, Run

# 6 trials in the search, 4 trainings that confirm.
QUICK = "--trials 10 --rounds 2 --epochs 2 --finalists 2 --repeats 2"
LEAST = "--trials 2 --rounds 1 --epochs 1 --finalists 0"
SUMMARY = {
    "study", "storage", "state", "metric", "direction", "seed", "trials", "epochs_trained", "best",
    "rounds", "ranges", "finalists", "recommended", "data", "test",
}  # fmt: skip


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_search_prints_a_summary_and_the_next_commands_which_work(
    run_hpo: Run, call_hpo: Call, tmp_path: Path
) -> None:
    done = run_hpo("search", "wine", *QUICK.split())
    assert done.returncode == 0
    for line in (
        r"wine · complete · 6 trials and 4 to confirm · 20 epochs trained",
        r"Best validation accuracy [01]\.?\d* \(trial \d\)(, confirmed .*\(95 %\))?",
        r"Recommended: the settings of trial \d",
        r"  test accuracy  .* \(95 %\), seen once on 20\d\d-\d\d-\d\d",
    ):
        assert re.search(f"^{line}$", done.stdout, re.M), line
    assert "learning_rate  1e-05 … 1  (the whole range)" in done.stdout
    assert "Stored in sqlite:///hpo.db as wine" in done.stdout
    commands = re.findall(r"^  (hpo .*)$", done.stdout, re.M)
    assert [command.split()[1] for command in commands] == ["report", "resume"]
    for command in commands:
        again = call_hpo(command.partition("#")[0].removeprefix("hpo "))
        assert again.status == 0, again.err
    assert left_behind(tmp_path) == ["hpo.db", "wine.html"]
    assert "32 trials and 8 to confirm" in call_hpo("show wine").out


def test_no_line_is_wider_than_80_columns_or_ends_in_blanks(call_hpo: Call, study: Study) -> None:
    shown = call_hpo(f"show small --storage {study.storage}").out
    body, _, commands = shown.partition("\n  hpo ")
    assert commands
    assert max(map(len, body.splitlines())) <= 80
    assert not [line for line in shown.splitlines() if line != line.rstrip()]


def test_json_is_one_object_on_stdout_with_the_fields_of_the_contract(call_hpo: Call) -> None:
    done = call_hpo(f"search wine {QUICK} --json --seed 5")
    said = json.loads(done.out)
    assert set(said) == SUMMARY | {"references"}
    assert said["seed"] == 5
    assert said["trials"] == {"complete": 6, "pruned": 0, "failed": 0}
    assert said["epochs_trained"] == 20
    assert set(said["best"]) == {"trial", "value", "params"}
    for finalist in said["finalists"]:
        assert set(finalist) == {"trial", "params", "mean", "ci95", "epochs", "values", "tied"}
    assert sum(len(finalist["values"]) for finalist in said["finalists"]) == 4
    assert set(said["recommended"]) == {"trial", "params", "mean", "ci95", "epochs"}
    assert set(said["test"]) == {"metric", "value", "opened_at", "ci95"}
    assert [r["round"] for r in said["rounds"]] == [0, 1]
    for r in said["rounds"]:
        assert set(r) == {"round", "ranges", "verdicts"}
        assert set(r["ranges"]["learning_rate"]) == {"low", "high", "log"}
        assert {"action", "reason"} <= set(r["verdicts"]["weight_decay"])
    assert json.loads(call_hpo("show wine --json").out) == said
    listed = json.loads(call_hpo("list --json").out)
    assert [entry["study"] for entry in listed] == ["wine"]


@pytest.mark.slow
def test_quiet_says_nothing_on_stderr_and_verbose_more(call_hpo: Call) -> None:
    quiet, plain, verbose = (call_hpo(f"search wine {QUICK} {flag}") for flag in ("-q", "", "-v"))
    assert quiet.err == ""
    assert plain.err.splitlines()[0] == "wine-2: 10 trainings of 2 epochs"
    assert re.search(r"^round 0  learning_rate  kept: ", plain.err, re.M)
    assert len(verbose.err.splitlines()) > len(plain.err.splitlines())


@pytest.mark.slow
def test_two_searches_with_one_seed_export_the_same_bytes_but_for_times(
    call_hpo: Call,
) -> None:
    frames = []
    for file, workers in (("a.db", 1), ("b.db", 2)):
        storage = f"sqlite:///{file}"
        call_hpo(f"search wine {QUICK} --storage {storage} --workers {workers}")
        done = call_hpo(f"export wine --table trials --storage {storage}")
        frames.append([line.rsplit(",", 2)[0] for line in done.out.splitlines()])
        assert done.out.splitlines()[0].endswith(",started,finished")
    assert frames[0] == frames[1]
    assert len(frames[0]) == 7


def test_a_plan_comes_from_a_file_and_flags_override_it(call_hpo: Call, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(
        'source = "wine"\ntrials = 50\nrounds = 1\nepochs = 1\n[space]\nlearning_rate = "0.01:0.1"\n'
    )
    done = call_hpo("search --config study.toml --trials 4 --finalists 0 --json")
    said = json.loads(done.out)
    assert said["trials"]["complete"] == 4
    assert said["ranges"] == {"learning_rate": {"low": 0.01, "high": 0.1, "log": False}}


def test_the_storage_may_come_from_the_environment(
    call_hpo: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPO_STORAGE", "sqlite:///elsewhere.db")
    done = call_hpo(f"search wine {LEAST}")
    assert "--storage" not in done.out
    assert left_behind(tmp_path) == ["elsewhere.db"]


def test_a_search_in_which_all_diverge_says_so_and_exits_3(call_hpo: Call) -> None:
    done = call_hpo(f"search wine {QUICK} --space learning_rate=1e25:1e30:log")
    assert done.status == 3
    assert "No trial has succeeded." in done.out
    assert done.err.splitlines()[-1].startswith("Error: no trial succeeded")
    assert call_hpo("report wine -o r.html").status == 0


@pytest.mark.parametrize("format_", ["csv", "json", "parquet"])
@pytest.mark.parametrize("table", ["trials", "epochs", "rounds", "finalists"])
def test_export_writes_each_table_in_each_format(
    table: str, format_: str, call_hpo: Call, study: Study, tmp_path: Path
) -> None:
    arguments = f"--table {table} --format {format_} -o out --storage {study.storage}"
    assert call_hpo(f"export small {arguments}").status == 0
    read: dict[str, Callable[[Any], pd.DataFrame]] = {
        "csv": pd.read_csv,
        "json": lambda path: pd.read_json(path, lines=True),
        "parquet": pd.read_parquet,
    }
    frame = getattr(study, f"{table}_frame")()
    got = read[format_](tmp_path / "out")
    assert list(got.columns) == list(frame.columns)
    assert len(got) == len(frame)


def test_list_shows_every_study(call_hpo: Call) -> None:
    for name in ("first", "second"):
        call_hpo(f"search wine {LEAST} --name {name}")
    lines = call_hpo("list").out.splitlines()
    assert [line.split()[0] for line in lines] == ["study", "first", "second"]


# What is wrong, the exit status, and what the line must say.
WRONG: list[tuple[str, int, str]] = [
    ("search nowhere.csv --target y", 1, "no such file: nowhere.csv"),
    ("search table.csv --target z", 1, "table.csv has no column 'z': its columns are x, y"),
    ("search table.csv", 1, "say which column is the label with --target: x, y"),
    ("search titanic", 1, "unknown source 'titanic': give digits, breast_cancer"),
    ("search digits --target y", 1, "digits knows its labels: leave out --target y"),
    ("search mnist:nowhere", 1, "mnist:nowhere: no file train-images-idx3-ubyte.gz"),
    ("search iris --rows 100000", 1, "rows = 100000: iris has 120 rows"),
    ("search digits --space learning_rate=1:0.1", 2, "space.learning_rate: low 1 is above high 0.1"),
    ("search digits --space learning_rate=0:1:log", 2, "a log range can't start at 0: low must be at least 1e-300"),
    ("search digits --space lr=0:1", 2, "space.lr: the network has no such parameter; did you mean 'learning_rate'?"),
    ("search digits --space nonsense", 2, "--space 'nonsense': write NAME=LOW:HIGH[:log][:int][:step=S][:zero"),
    ("search digits --space units=8:16:int --space units=4:8:int", 2, "units is there twice: 8:16:int and 4:8:int"),
    ("search my_model.py:train", 2, "give a function that trains by --trainer"),
    ("search https://x.org/a.csv", 1, "https://x.org/a.csv is an address"),
    ("search digits --trials 0", 2, "trials: 0 is not a whole number of at least 1"),
    ("search digits --trials 2 --rounds 3", 2, "2 trials can't fill 3 rounds: give rounds 2 or fewer"),
    ("search digits --trials 14 --finalists 4 --repeats 3", 2, "12 of 14 trials would confirm 4 finalists and leave 2"),
    ("search digits --halving 1", 2, "halving: 1 is not a whole number of at least 2"),
    ("search digits --timeout 0", 2, "timeout: 0.0 is not a number above 0"),
    ("search digits --patience 0", 2, "patience: 0 is not a whole number of at least 1"),
    ("search digits --repeats 0", 2, "repeats: 0 is not a whole number of at least 1"),
    ("search digits --finalists -1", 2, "finalists: -1 is not a whole number of at least 0"),
    ("search digits --trials ten", 2, "trials: 'ten' is not a whole number of at least 1"),
    ("search digits --trails 5", 2, "No such option '--trails'"),
    ("search digits --metric rmse", 2, "metric 'rmse' does not fit digits"),
    ("search digits --name ''", 1, "a study's name has 1 to 512 characters, not 0"),
    ("search", 2, "give a SOURCE, such as digits"),
    ("search --config none.toml", 2, "none.toml: No such file"),
    ("search --config bad.toml", 2, "bad.toml is not TOML: Invalid value (at line 1, column 10)"),
    ("search --config typo.toml", 2, "typo.toml: teacher: there is no such field; the fields are source"),
    ("search digits --storage study.db", 1, "'study.db' is not a database URL: write sqlite:///study.db"),
    ("search digits --storage sqlite:///table.csv", 1, "table.csv is not an SQLite database"),
    ("search digits --storage sqlite:///no/such/s.db", 1, "for the database s.db: make it first"),
    ("search digits --storage sqlite:////proc/s.db", 1, "can't write to the folder /proc"),
    ("search digits --storage mysql://me:hunter2@host/d", 1, "a mysql database can't be used"),
    ("resume digits", 1, "no database at"),
    ("show digits", 1, "no database at"),
    ("list", 1, "no database at"),
    ("export digits", 1, "no database at"),
    ("report digits -o r.html", 1, "no database at"),
    ("frobnicate", 2, "No such command 'frobnicate'"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "status", "message"), WRONG)
def test_what_is_wrong_is_told_in_one_line_and_nothing_is_left_behind(
    command: str, status: int, message: str, call_hpo: Call, tmp_path: Path
) -> None:
    files = {
        "table.csv": "x,y\n1,2\n",
        "bad.toml": "trials = = 5",
        "typo.toml": 'source = "digits"\nteacher = 3',
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    done = call_hpo(command)
    assert done.status == status
    assert done.out == ""
    assert done.err.startswith("Error: ")
    assert done.err.count("\n") == 1
    assert message in done.err
    assert "hunter2" not in done.err
    assert left_behind(tmp_path) == sorted(files)
    assert all((tmp_path / name).read_text() == content for name, content in files.items())


@pytest.mark.parametrize("command", ["show", "resume", "export", "report -o r.html"])
def test_an_unknown_study_is_told_with_the_nearest_name(
    command: str, call_hpo: Call, study: Study, tmp_path: Path
) -> None:
    done = call_hpo(f"{command} smal --storage {study.storage}")
    assert (done.status, done.out) == (1, "")
    assert re.fullmatch(r"Error: .*'smal'.*small.*\n", done.err)
    assert left_behind(tmp_path) == []


@pytest.mark.usefixtures("undrawn")
def test_a_file_that_cannot_be_written_is_told_in_one_line(call_hpo: Call, study: Study) -> None:
    for command in ("report", "export"):
        done = call_hpo(f"{command} small -o no/such/file --storage {study.storage}")
        assert done.status == 1
        assert done.err == "Error: can't write no/such/file: No such file or directory\n"


def test_a_reader_that_goes_away_is_not_shouted_at(study: Study) -> None:
    command = [str(HPO), "export", "small", "--table", "epochs", "--storage", study.storage]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
