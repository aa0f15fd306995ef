"""Programs of the user's: what they are given, how they say a metric, how they fail, and how their study goes on."""

# Law 2: the same seed gives the same study.

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import hpo
from tests.hpo.trainables.programs import EPOCHS, FEW, Write, outcome
from tests.optunas import optunas
from tests.running import Call, Tables

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "lines",
    [
        ["epoch=1 a=1 b=3", "epoch=2 a=2 b=nan"],
        ["epoch: 0, a: 1, b: 3", "Epoch: 1 , a : 2.0, b:NaN"],
        ['{"epoch": 1, "a": 1, "b": 3}', '{"epoch": 2, "a": 2, "b": NaN}'],
    ],
)
def test_metrics_are_read_line_by_line_and_the_rest_is_kept(lines: list[str], write: Write) -> None:
    text = "\n".join(["reading data", lines[0], "epoch 1 done", '{"event": 1}', "", lines[1]])
    write(f"cat <<'END'\n{text}\nEND\necho 50% >&2")
    result = outcome(metric="a")
    assert result.metrics["a"] == [1, 2]
    assert result.metrics["b"][0] == 3
    kept = sorted(result.output.split("\n"))
    assert kept == sorted(["reading data", "epoch 1 done", '{"event": 1}', "", "50%", ""])


def test_a_last_line_of_json_is_its_result_and_an_earlier_one_is_not(write: Write) -> None:
    write("""echo '{"score": 1}'; echo '{"score": 2, "loss": 3}'; echo; printf '  '""")
    result = outcome(metric="score")
    assert result.metrics == {"score": [2], "loss": [3]}
    assert result.output.split() == ['{"score":', "1}"]


def test_each_placeholder_is_one_argument_with_every_digit(write: Write) -> None:
    write('for word; do echo "<$word>"; done; echo \'{"score": 1}\'')
    settings = {"x": 0.1 + 0.2, "text": "a 'b\" $HOME *", "yes": True}
    command = "./train --x={x} {text} '{x} {yes}' {epochs} {seed}/{trial} '{' {}"
    space = {"x": "0:1", "text": ["a 'b\" $HOME *", "c"], "yes": [True, False]}
    words = outcome(settings, command, space=space).output.splitlines()
    x = "0.30000000000000004"
    text = "a 'b\" $HOME *"
    assert words == [f"<{w}>" for w in (f"--x={x}", text, f"{x} True", "3", "0/0", "{", "{}")]


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("echo a >&2; echo 'no such rate' >&2; exit 3", "ended with status 3: no such rate"),
        ("echo epoch=1 score=1; exit 1", "the program ended with status 1"),
        (f"{EPOCHS}; exit 1", "the program ended with status 1"),
        ("kill -KILL $$", "was killed by SIGKILL"),
        ("true", "wrote no metric (it wrote no line at all): write epoch=3 accuracy=0.91 after"),
        ("echo score=0.5", "(its last line was 'score=0.5'): write epoch=3 accuracy=0.91"),
        ("echo epoch=1 score=9%", "(its last line was 'epoch=1 score=9%')"),
        ("echo epoch=2 score=9", "'epoch=2 score=9', and epoch 0 or 1 was next"),
        ("echo epoch=1 score=9; echo epoch=1 score=9", "and epoch 2 was next"),
        ("""echo '{"score": "high"}'""", "score = 'high', which is not a number"),
    ],
)
def test_a_failure_names_its_cause(script: str, line: str, write: Write) -> None:
    write(script)
    error = outcome(metric="score").error
    assert error is not None
    assert line in error.line
    assert error.full.startswith("$ ./train 0.5\n")


def test_what_says_its_metric_at_the_end_is_no_program_for_halving(write: Write) -> None:
    write("""echo '{"score": 1}'""")
    error = outcome(pauses=(1,)).error
    assert error is not None
    assert "after each epoch" in error.line


def test_a_program_that_trains_on_is_ended_and_one_that_saves_its_model_is_not(
    write: Write, tmp_path: Path
) -> None:
    write(
        f"{EPOCHS}; echo $$ >pid; trap 'echo asked >asked; exit 1' TERM; echo epoch=4 score=0; sleep 9 & wait"
    )
    result = outcome()
    assert result.metrics == {"score": [0.5] * 3}
    assert "ended after 3 epochs" in result.output
    assert (tmp_path / "asked").exists()
    write(f"{EPOCHS}; sleep 0.2; echo saved >model")
    assert outcome().metrics == {"score": [0.5] * 3}
    assert (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("./trian {x}", "program: there is no file"),
        ("train {x}", "no 'train' on the PATH; the one in this folder is ./train"),
        ("./data {x}", "data is not executable: chmod +x makes it so"),
        (". {x}", "program: there is no '.' on the PATH"),
        (
            "./train {y}",
            "program: {y} is no parameter of the space; the placeholders are x, epochs",
        ),
        ("./train {epoch} {x}", "{epoch} is no parameter of the space; did you mean 'epochs'?"),
        ("./train 1", "no placeholder {x} passes the parameter x of the space on"),
        (
            "./train '{x}",
            "program: \"./train '{x}\" can't be split into words: no closing quotation",
        ),
        (" ", "program: it is empty"),
        ("{x}", "'{x}', the program itself, has a placeholder"),
    ],
)
def test_a_wrong_command_is_one_line_and_nothing_is_written(
    command: str, line: str, write: Write, tmp_path: Path, storage: str
) -> None:
    write(EPOCHS)
    (tmp_path / "data").write_text("1")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(hpo.PlanError) as told:
        hpo.search(program=command, storage=storage, progress=False, **FEW)
    assert line in str(told.value)
    assert "\n" not in str(told.value)
    assert sorted(tmp_path.iterdir()) == before


def test_the_study_is_the_same_on_any_number_of_workers(
    write: Write, tmp_path: Path, tables: Tables
) -> None:
    write('for e in 1 2 3; do echo "epoch=$e score=$1 seed=$2"; done')
    stored = []
    for workers in (1, 3):
        url = f"sqlite:///{tmp_path}/{workers}.db"
        fields = {**FEW, "trials": 6, "ahead": 3, "metric": "score", "halving": 3}
        study = hpo.search(
            program="./train {x} {seed}",
            name="s",
            storage=url,
            workers=workers,
            progress=False,
            **fields,
        )
        assert study.best is not None
        stored.append(tables("s", url))
    assert stored[0] == stored[1]


def test_a_study_is_gone_on_with_from_another_folder(
    write: Write, call_hpo: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(f'pwd >>"{tmp_path}/folders"; {EPOCHS}')
    url = f"sqlite:///{tmp_path}/h.db"
    where = f"--storage {url}"
    few = "--space x=0:1 --trials 1 --rounds 1 --epochs 3 --finalists 0 -q"
    assert call_hpo(f"search --program './train {{x}} {{seed}}' {few} {where}").status == 0
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    study = hpo.resume("train", trials=3, storage=url, progress=False)
    assert len(study.trials_frame()) == 3
    assert set((tmp_path / "folders").read_text().splitlines()) == {str(tmp_path)}
    assert hpo.reproduce("train", 1, storage=url).identical
    study.write_report("report.html")
    report = Path("report.html").read_text()
    assert f"cd {tmp_path}\n./train {study.best.params['x']} 0" in report  # type: ignore[union-attr]
    write(EPOCHS).rename(tmp_path / "other" / "train")
    (tmp_path / "other").rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path / "moved")
    hpo.resume("train", trials=4, program="./train {x} {seed}", storage=url, progress=False)
    with pytest.raises(hpo.PlanError, match="program can't be changed"):
        hpo.resume("train", trials=5, program="./train {x}", storage=url, progress=False)


def test_a_folder_and_a_device_are_its_own_and_limits_hold(
    write: Write, storage: str, tmp_path: Path
) -> None:
    write('echo $1; cat "$1/kept"; echo $3 >>"$1/kept"; echo "{\\"score\\": $2}"')
    fields: Any = {**FEW, "program": "./train {folder} {x} {device}", "storage": storage}
    with pytest.raises(hpo.PlanError, match="give some, such as cuda:0"):
        hpo.search(progress=False, **fields)
    with pytest.raises(hpo.PlanError, match="executor: a program"):
        hpo.search(progress=False, executor="threads", **fields)
    study = hpo.search(name="s", progress=False, devices="cpu", **fields)
    folders = sorted((tmp_path / "study.folders").glob("s-*/trial-*"))
    assert [folder.name for folder in folders] == ["trial-0", "trial-1"]
    assert (folders[1] / "kept").read_text() == "cpu\n"
    assert str(folders[1]) in study.trial(1).trial.attributes["output"]
    write("echo epoch=1 score=1; sleep 60")
    late = outcome(trial_timeout=0.3).error
    assert late is not None
    assert "longer than the trial_timeout of 0.3 s" in late.line
    write("ulimit -d; echo epoch=1 score=1")
    assert outcome(trial_memory="512M").output == "500000\n"


def test_it_confirms_and_goes_on_with_a_study_of_optunas(write: Write, storage: str) -> None:
    write('echo "{\\"score\\": $1.$2}"')
    with optunas(storage) as study:
        study.optimize(lambda t: t.suggest_int("x", 0, 9), 12)
    command = "./train {x} {seed}"
    quiet: Any = {"storage": storage, "progress": False}
    with pytest.raises(hpo.PlanError, match="give trainer or program"):
        hpo.confirm("theirs", 2, **quiet)
    confirmed = hpo.confirm("theirs", 2, program=command, **quiet)
    assert confirmed.recommended is not None
    again = hpo.resume("theirs", trials=2, **quiet)
    assert len(again.trials_frame()) == 14


@pytest.mark.slow
def test_the_example_runs(tmp_path: Path, call_hpo: Call) -> None:
    script = ROOT / "scripts/examples/program/search"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [script, "--trials", "9", "--finalists", "0", "-q"], cwd=tmp_path, check=True,
        capture_output=True, text=True, env={**os.environ, "PATH": path},
    )  # fmt: skip
    assert "9 trials (7 pruned)" in done.stdout
    assert "loss" in call_hpo("show train 0").out
