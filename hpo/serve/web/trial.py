"""The page of one trial: its settings, its curves, how it ended, and what it printed."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from hpo.serve.caller import Reads
from hpo.serve.problems import ProblemError
from hpo.serve.service import TheService
from hpo.serve.web import state
from hpo.serve.web.addresses import name_in
from hpo.serve.web.rendering import figure, page
from studies.analysis.one_trial import OF_FOLD, OneTrial, one_trial
from studies.database import aggregates
from studies.database.store import Store
from studies.errors import StoreError
from studies.words import column, counted, notation, rounded

router = APIRouter()

MOST = 20  # epochs in the table
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
"""What a terminal understands, such as colours; a page shows what was printed without it."""


@router.get("/searches/{search}/trials/{trial}", response_class=HTMLResponse)
def trial(
    request: Request, search: str, trial: int, caller: Reads, service: TheService
) -> HTMLResponse:
    """One trial."""
    name = name_in(service, caller, search)
    with service.database.store() as store, store.reading():
        one = trial_of(store, name, trial)
        count = sum(aggregates.counts(store, one.record.study_id).values())
    at = request.url.path.rpartition("/trials/")[0]
    known = one.trial.attributes
    output = ESCAPES.sub("", str(known.get("output") or ""))
    shown = {
        "name": name,
        "at": at,
        "one": one,
        "count": count,
        "ending": ending(one),
        "again": _again(one),
        "table": _curves(one),
        "output": output.rstrip(),
        "error": str(known.get("traceback") or known.get("error") or "").rstrip(),
    }
    return page(request, "trial.html.j2", shown)


@router.get("/searches/{search}/trials/{trial}/curves.svg")
def curves(search: str, trial: int, caller: Reads, service: TheService) -> Response:
    """The curves of a trial, as a figure."""
    from hpo.serve.web import drawn

    name, url = name_in(service, caller, search), service.database.url
    with service.database.store() as store, store.reading():
        trial_of(store, name, trial)

    def draw() -> bytes:
        svg: bytes = service.pool.run(drawn.curves_of_trial, url, name, trial)
        return svg

    version = state.version(service, name)
    return figure(service.cache.get((name, version, "trial", trial), draw))


def trial_of(store: Store, name: str, number: int) -> OneTrial:
    """A trial of a study.

    Raises:
        ProblemError: 404, there is no such trial.
    """
    try:
        return one_trial(store, name, number)
    except StoreError as error:
        raise ProblemError(404, str(error)) from None


def ending(one: OneTrial) -> str:
    """How the trial ended, in a sentence."""
    known, state = one.trial.attributes, one.trial.state
    epochs = counted(one.epochs, "epoch" if one.record.plan else "value")
    if "diverged_epoch" in known:
        return (
            f"It diverged at epoch {known['diverged_epoch']}: loss or weights stopped being finite."
        )
    if state == "pruned":
        return f"It left early, after {epochs}: others that were drawn with it were better by then."
    if state == "failed":
        return f"It failed after {epochs}." if one.epochs else "It failed."
    if state == "running":
        return "It has begun, and has not ended."
    return f"It was trained to its end: {epochs}."


def _again(one: OneTrial) -> str:
    """The values of its settings when they were trained again."""
    shown = notation(c.value for c in one.confirmations)
    return ", ".join(
        "failed" if c.value is None else rounded(c.value, shown) for c in one.confirmations
    )


def _curves(one: OneTrial) -> tuple[list[str], list[list[str]]]:
    """Names and rows of a table of its curves; of many epochs, some, evenly spaced."""
    from studies.analysis.frames import evenly

    if not one.epochs:
        return [], []
    names = [name for name in one.curves if not OF_FOLD.match(name)]
    names.sort(key=lambda name: one.record.metric not in name)
    at = evenly(one.epochs, MOST)
    columns = [[str(k + 1) for k in at]]
    for name in names:
        points = one.curves[name]
        columns.append(column([points[k] if k < len(points) else None for k in at]))
    return ["epoch", *names], [list(row) for row in zip(*columns, strict=True)]
