"""MLflow, Weights & Biases and TensorBoard themselves read what is logged to a local folder: each trial once."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import hpo
from hpo.callbacks import MLflow, TensorBoard, WandB
from hpo.callbacks.tracker import Tracker
from studies import Study

pytestmark = [
    pytest.mark.slow,
    # They are the libraries' own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings(
        "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
    ),
]


class Logged(NamedTuple):
    """What a service says of one trial."""

    params: Mapping[str, str]
    curves: Mapping[str, list[float]]
    state: str


Read = Callable[[Path], list[tuple[int, Logged]]]


def mlflow_tracker(folder: Path) -> Tracker:
    return MLflow(f"sqlite:///{folder}/mlflow.db")


def read_mlflow(folder: Path) -> list[tuple[int, Logged]]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("hpo")
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert parent.info.status == "FINISHED"
    assert parent.info.run_name == "s"
    assert parent.data.metrics["best"] > 0
    assert "recommended.x" in parent.data.tags
    logged = []
    for run in runs:
        if run is parent:
            continue
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.info.start_time <= run.info.end_time
        curves = {}
        for metric in run.data.metrics:
            history = client.get_metric_history(run.info.run_id, metric)
            assert [m.step for m in history] == list(range(1, len(history) + 1))
            curves[metric] = [m.value for m in history]
        state = {"FINISHED": "complete", "KILLED": "pruned", "FAILED": "failed"}[run.info.status]
        number = int(run.data.tags["hpo.trial"])
        assert run.info.run_name == f"trial {number}"
        logged.append((number, Logged(run.data.params, curves, state)))
    return logged


def tensorboard_tracker(folder: Path) -> Tracker:
    return TensorBoard(folder / "runs")


def read_tensorboard(folder: Path) -> list[tuple[int, Logged]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    (study,) = (folder / "runs").iterdir()
    assert not list(study.glob(".*"))
    logged = []
    for path in sorted(study.glob("trial-*")):
        events = EventAccumulator(str(path)).Reload()
        curves = {}
        for tag in events.Tags()["scalars"]:
            assert [e.step for e in events.Scalars(tag)] == list(
                range(1, len(events.Scalars(tag)) + 1)
            )
            curves[tag] = [e.value for e in events.Scalars(tag)]
        content = events.PluginTagToContent("hparams")["_hparams_/session_start_info"]
        started = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
        params = {
            name: str(getattr(value, value.WhichOneof("kind")))
            for name, value in started.hparams.items()
        }
        logged.append((int(path.name.removeprefix("trial-")), Logged(params, curves, "")))
    found = EventAccumulator(str(study / "study")).Reload()
    assert found.Scalars("best")[0].value > 0
    return logged


def wandb_tracker(folder: Path) -> Tracker:
    return WandB(folder=folder, mode="offline")


def records(path: Path) -> Iterator[bytes]:
    """The records of a file of wandb's: LevelDB's log format, after a header of 7 bytes."""
    data, at, whole = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if (left := -at % 32768) < 7:  # the end of a block
            at += left
            continue
        length, kind = struct.unpack("<HB", data[at + 4 : at + 7])
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or its last part
            yield whole
            whole = b""


def read_wandb(folder: Path) -> list[tuple[int, Logged]]:
    from wandb.proto.wandb_internal_pb2 import Record

    logged, of_study = [], 0
    for path in (folder / "wandb").glob("offline-run-*/*.wandb"):
        config: dict[str, str] = {}
        curves: dict[str, list[float]] = {}
        run, status = None, 0
        for record in map(Record.FromString, records(path)):
            if record.HasField("run"):
                run = record.run
                config |= {item.key: item.value_json for item in run.config.update}
            for item in record.history.item:
                key = item.key or "/".join(item.nested_key)
                if not key.startswith("_") and key != "epoch":
                    curves.setdefault(key, []).append(float(item.value_json))
            status = record.exit.exit_code if record.HasField("exit") else status
        assert run is not None
        assert run.run_group.startswith("s-")
        number = run.run_id.rpartition("-")[2]
        if number == "study":
            of_study += 1
            continue
        logged.append((int(number), Logged(config, curves, "failed" if status else "")))
    assert of_study
    return logged


TRACKERS = {
    "mlflow": (mlflow_tracker, read_mlflow),
    "tensorboard": (tensorboard_tracker, read_tensorboard),
    "wandb": (wandb_tracker, read_wandb),
}


def train(params: Any, *, epochs: int) -> Any:
    for epoch in range(epochs):
        if params["x"] > 0.8:
            raise ValueError("too large")
        metrics = {"score": params["x"] + epoch, "val/loss (é)": -epoch}
        yield metrics if epoch else {"score": params["x"]}


@pytest.mark.parametrize("name", TRACKERS)
def test_each_trial_is_logged_once_however_often_the_search_stops(
    name: str, tmp_path: Path, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_LOGGING", "false")
    make, read = TRACKERS[name]
    quiet: Any = {"storage": storage, "progress": False}
    space = {"x": hpo.Float(0, 1), "kind": ["a", "b"]}
    plan: Any = {"epochs": 3, "halving": 3, "metric": "score", "finalists": 0, "rounds": 1}
    tracker = make(tmp_path)

    def failing(trial: Any) -> None:
        if trial.trial.number == 4:
            raise ConnectionError
        log(trial)

    log, tracker.log = tracker.log, failing  # type: ignore[method-assign]
    hpo.search(train, callbacks=[tracker], space=space, trials=9, name="s", **plan, **quiet)
    cut_off(name, tmp_path)
    hpo.resume("s", trials=12, **quiet)
    study = hpo.resume("s", trials=15, callbacks=[make(tmp_path)], **quiet)
    hpo.confirm("s", 1, callbacks=[make(tmp_path)], **quiet)
    logged = read(tmp_path)
    assert sorted(number for number, _ in logged) == list(range(15))
    for number, one in logged:
        check(study, number, one)


def cut_off(name: str, folder: Path) -> None:
    """Leave a trial as a process that is killed would while it logs."""
    if name == "mlflow":
        from mlflow.tracking import MlflowClient

        client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
        (run,) = client.search_runs(["1"], "tags.`hpo.trial` = '3'")
        client.update_run(run.info.run_id, status="RUNNING")
    if name == "tensorboard":
        (study,) = (folder / "runs").iterdir()
        (study / "trial-3").rename(study / ".trial-3")


def check(study: Study, number: int, logged: Logged) -> None:
    stored = study.trial(number)
    assert logged.state in ("", stored.trial.state)
    assert float(logged.params["x"]) == stored.trial.params["x"]
    assert logged.params["kind"].strip('"') == stored.trial.params["kind"]
    assert logged.curves.get("score", []) == pytest.approx(stored.curves.get("score", []), rel=1e-6)
    if losses := [v for name, c in logged.curves.items() if name.startswith("val") for v in c]:
        assert [v for v in losses if not math.isnan(v)] == [-1.0, -2.0][: len(losses) - 1]
