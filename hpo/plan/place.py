"""Where a search trains: how many trainings at once, in what kind of place, on which devices. It changes no plan."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hpo.errors import PlanError
from studies.words import nearest

EXECUTORS = ("processes", "threads", "dask")


ADDRESS = re.compile(r"dask:(tcp|tls|ws|wss|ucx|inproc)://.+")


@dataclass(frozen=True)
class Place:
    """Where the tasks of a search train.

    `executor` is one of EXECUTORS, or dask:ADDRESS for a scheduler of Dask's; None: processes where the system has
    them. It is for functions of the user's; networks of hpo's train here. `workers`: how many tasks train at once;
    None: one for each core or device. `devices` are shared out among the tasks. `folder` holds the folders of trials
    that ask for one; None: see `studies.database.folders`.
    """

    workers: int | None = None
    executor: str | None = None
    devices: tuple[str, ...] = ()
    folder: Path | None = None

    @property
    def address(self) -> str | None:
        """That of a scheduler of Dask's."""
        return (self.executor or "").removeprefix("dask:") if ":" in (self.executor or "") else None

    @property
    def on_dask(self) -> bool:
        """Whether tasks train on a Dask cluster."""
        return (self.executor or "").startswith("dask")


HERE = Place()
"""Where a search trains if nobody says otherwise."""


def make_place(
    workers: int | None = None,
    executor: str | None = None,
    devices: str | Sequence[str] = (),
    folder: str | Path | None = None,
) -> Place:
    """A place as users give it; `devices` may be a list, or text with commas.

    Raises:
        PlanError: a value breaks its rule.
    """
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise PlanError(f"workers: {workers!r} is not a whole number of at least 1")
    if executor is not None and not ADDRESS.fullmatch(executor) and executor not in EXECUTORS:
        known = (
            nearest(str(executor), EXECUTORS, "") or "for a scheduler, write dask:tcp://HOST:PORT"
        )
        raise PlanError(
            f"executor: {executor!r} is not one of {', '.join(EXECUTORS)}; {known}".removesuffix(
                "; "
            )
        )
    names = filter(None, devices.split(",")) if isinstance(devices, str) else devices
    return Place(
        workers,
        executor,
        tuple(str(name).strip() for name in names),
        Path(folder) if folder else None,
    )
