"""Studies in MLflow: a run for each study, and in it a run for each trial.

Runs are written by their ids, so the active run of your own code is left alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hpo.callbacks.tracker import Tracker, facts, found, identity, seconds
from hpo.plan.plan import Plan, to_json
from studies.analysis.one_trial import OneTrial
from studies.study import Study

if TYPE_CHECKING:
    from mlflow.entities import Run

STUDY, TRIAL = "hpo.study", "hpo.trial"  # tags by which runs are found again
PARENT = "mlflow.parentRunId"
STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
MOST_METRICS, MOST_PARAMS = 1000, 100  # of one request
LONGEST, LONGEST_TAG = (
    500,
    5000,
)  # characters of a param's and a tag's value that every server takes


class MLflow(Tracker):
    """Logs a study as a run with a child for each trial: settings as params, curves as metrics by epoch.

    `tracking_uri` is a server or a database, such as sqlite:///mlflow.db; by default MLflow's own. Trials that failed
    are FAILED, those that left at a rung KILLED. When a search goes on, so does its run.
    """

    package = "mlflow"

    def __init__(self, tracking_uri: str | None = None, experiment: str | None = None) -> None:
        super().__init__()
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient(tracking_uri)
        self._experiment_name = experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME", "hpo")
        self._experiment = self._run = ""

    def open(self, study: Study, plan: Plan) -> set[int]:
        """Begin or go on with the run of a study; returns the trials that it has."""
        client, record = self._client, study.read().record
        experiment = client.get_experiment_by_name(self._experiment_name)
        self._experiment = (
            client.create_experiment(self._experiment_name)
            if experiment is None
            else experiment.experiment_id
        )
        name = identity(record)
        runs = list(self._runs(f"tags.`{STUDY}` = '{name}'"))
        if runs:
            self._run = runs[0].info.run_id
            client.update_run(self._run, status="RUNNING")
        else:
            tags = {STUDY: name, "hpo.metric": record.metric, "hpo.direction": record.direction}
            start = None if record.created is None else _milliseconds(record.created)
            run = client.create_run(self._experiment, start, tags, record.name)
            self._run = run.info.run_id
        client.set_tag(self._run, "hpo.plan", to_json(plan)[:LONGEST_TAG])
        logged = set()
        for run in self._runs(f"tags.`{PARENT}` = '{self._run}'"):
            if run.info.status in STATUS.values():
                logged.add(int(run.data.tags.get(TRIAL, -1)))
            else:  # it was cut off
                client.delete_run(run.info.run_id)
        return logged

    def log(self, trial: OneTrial) -> None:
        """Log a trial as a child of the study's run."""
        from mlflow.entities import Metric, Param

        client, one = self._client, trial.trial
        started, finished = (
            None if when is None else _milliseconds(when) for when in (one.started, one.finished)
        )
        tags = {PARENT: self._run, TRIAL: str(one.number)}
        tags |= {f"hpo.{name}": str(value) for name, value in facts(trial).items()}
        run = client.create_run(self._experiment, started, tags, f"trial {one.number}").info.run_id
        params = [Param(name, str(value)[:LONGEST]) for name, value in one.params.items()]
        metrics = [
            Metric(_plain(name), value, finished or 0, epoch)
            for name, curve in trial.curves.items()
            for epoch, value in enumerate(curve, start=1)
        ]
        for k in range(0, len(params), MOST_PARAMS):
            client.log_batch(run, params=params[k : k + MOST_PARAMS])
        for k in range(0, len(metrics), MOST_METRICS):
            client.log_batch(run, metrics=metrics[k : k + MOST_METRICS])
        client.set_terminated(run, STATUS[one.state], finished)

    def close(self, study: Study) -> None:
        """Log what was found to the study's run, and end it."""
        numbers, params = found(study)
        for name, value in numbers.items():
            self._client.log_metric(self._run, name, value)
        for name, value in params.items():
            self._client.set_tag(self._run, f"recommended.{name}", str(value))
        done = study.read().record.state == "complete"
        self._client.set_terminated(self._run, "FINISHED" if done else "KILLED")

    def _runs(self, where: str) -> Iterator[Run]:
        token: Any = None
        while True:
            page = self._client.search_runs([self._experiment], where, page_token=token)
            yield from page
            if not (token := page.token):
                return


def _milliseconds(moment: datetime) -> int:
    return int(1000 * seconds(moment))


def _plain(name: str) -> str:
    """The name of a metric without the characters that MLflow does not take."""
    return re.sub(r"[^\w./ -]", "_", name)
