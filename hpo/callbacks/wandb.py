"""Studies in Weights & Biases: a group for each study, with a run for each trial and one for the study."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from hpo.callbacks.tracker import Tracker, facts, found, identity
from hpo.plan.plan import Plan
from studies.analysis.one_trial import OneTrial
from studies.study import Study

LOGGED = "hpo.logged"  # a file in the folder of a run that is whole


class WandB(Tracker):
    """Logs each trial as a run of the study's group: settings as config, curves by epoch.

    With mode "offline" runs are written to `folder` alone, and `wandb sync` uploads them. Ids of runs follow from the
    study and the trial, so what is logged twice is one run. The active run of your own code is left alone.
    """

    package = "wandb"

    def __init__(
        self,
        project: str = "hpo",
        *,
        entity: str | None = None,
        folder: str | Path = ".",
        mode: Literal["online", "offline"] | None = None,
    ) -> None:
        super().__init__()
        self._folder = Path(folder).resolve()
        self._where: dict[str, Any] = {"project": project, "entity": entity, "mode": mode}
        self._id, self._name = "", ""
        self._plan: dict[str, Any] = {}

    def open(self, study: Study, plan: Plan) -> set[int]:
        """Go on with the group of a study; returns the trials that this folder has runs of."""
        record = study.read().record
        self._id, self._name = identity(record), record.name
        self._plan = plan.model_dump(mode="json", exclude_none=True)
        whole = self._folder.glob(f"wandb/*-{self._id}-*/{LOGGED}")
        ends = (path.parent.name.rpartition("-")[2] for path in whole)
        return {int(end) for end in ends if end.isdecimal()}

    def log(self, trial: OneTrial) -> None:
        """Log a trial as a run."""
        one = trial.trial
        run = self._begun(str(one.number), f"{self._name} trial {one.number}", "trial", one.params)
        for k in range(trial.epochs):
            row = {name: curve[k] for name, curve in trial.curves.items() if k < len(curve)}
            run.log({"epoch": k + 1, **row}, step=k + 1)
        run.summary.update(facts(trial) | {"value": one.value})
        self._end(run, failed=one.state == "failed")

    def close(self, study: Study) -> None:
        """Log what was found as the study's own run."""
        numbers, params = found(study)
        run = self._begun("study", self._name, "study", self._plan)
        run.summary.update({**numbers, "settings": params})
        self._end(run)

    def _begun(self, end: str, name: str, kind: str, config: dict[str, Any]) -> Any:
        import wandb

        self._folder.mkdir(parents=True, exist_ok=True)
        return wandb.init(
            id=f"{self._id}-{end}", name=name, group=f"{self._name}-{self._id}", job_type=kind, config=config,
            dir=str(self._folder), resume="allow", reinit="create_new", allow_val_change=True, **self._where,
            settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
        )  # fmt: skip

    def _end(self, run: Any, *, failed: bool = False) -> None:
        folder = Path(run.dir).parent
        run.finish(exit_code=int(failed))
        (folder / LOGGED).touch()
