"""Studies in TensorBoard: a folder for each study, and in it one for each trial, with its curves and settings."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from typing import Any

from hpo.callbacks.tracker import Tracker, found, identity, seconds
from hpo.plan.plan import Plan
from studies.analysis.one_trial import OneTrial
from studies.study import Study

TRIAL = re.compile(r"trial-(\d+)")


class TensorBoard(Tracker):
    """Writes the curves of each trial as scalars by epoch, and its settings for the page HPARAMS.

    Show them with `tensorboard --logdir FOLDER`. What a study has found is in its folder `study`.
    """

    package = "tensorboard"

    def __init__(self, folder: str | Path = "runs") -> None:
        super().__init__()
        self._root = self._folder = Path(folder).resolve()

    def open(self, study: Study, plan: Plan) -> set[int]:
        """Begin or go on with the folder of a study; returns the trials that it has."""
        del plan
        record = study.read().record
        plain = re.sub(r"[^\w.-]+", "-", record.name).strip("-.")
        self._folder = self._root / f"{plain}-{identity(record)}"
        self._folder.mkdir(parents=True, exist_ok=True)
        names = (TRIAL.fullmatch(path.name) for path in self._folder.iterdir())
        return {int(name[1]) for name in names if name}

    def log(self, trial: OneTrial) -> None:
        """Write the folder of a trial under another name, and rename it when it is whole."""
        from tensorboard.plugins.hparams import summary_v2

        one, name = trial.trial, f"trial-{trial.trial.number}"
        params = {
            key: value if isinstance(value, bool | int | float | str) else str(value)
            for key, value in one.params.items()
        }
        id_ = f"{self._folder.name}/{name}"
        started = None if one.started is None else seconds(one.started)
        summaries: list[tuple[int, Any]] = [
            (0, summary_v2.hparams_pb(params, trial_id=id_, start_time_secs=started))
        ]
        summaries += [
            (epoch, _scalar(metric, value))
            for metric, curve in trial.curves.items()
            for epoch, value in enumerate(curve, start=1)
        ]
        finished = time.time() if one.finished is None else seconds(one.finished)
        self._write(name, summaries, finished)

    def close(self, study: Study) -> None:
        """Write what was found, in place of what an earlier session wrote."""
        numbers, _ = found(study)
        self._write("study", [(0, _scalar(*number)) for number in numbers.items()], time.time())

    def _write(self, name: str, summaries: list[tuple[int, Any]], moment: float) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        part, folder = self._folder / f".{name}", self._folder / name
        shutil.rmtree(part, ignore_errors=True)
        writer = EventFileWriter(str(part))
        for step, summary in summaries:
            writer.add_event(Event(wall_time=moment, step=step, summary=summary))
        writer.close()
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)


def _scalar(name: str, value: float) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=name, simple_value=value)])
