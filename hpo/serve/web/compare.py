"""Up to four studies beside each other: settings, scores with intervals, and curves on one axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from hpo.serve.caller import Caller, Reads
from hpo.serve.problems import ProblemError
from hpo.serve.service import Service, TheService
from hpo.serve.web import state
from hpo.serve.web.addresses import address, name_in
from hpo.serve.web.rendering import figure, page
from studies.analysis.summary import Summary
from studies.study import Study
from studies.words import Notation, counted, estimate, notation, rounded, setting, uncertain

router = APIRouter()

MOST = 4


@dataclass(frozen=True)
class Column:
    """One study in the comparison, in words."""

    name: str
    address: str
    state: str
    trainings: str
    epochs: str
    best: str
    confirmed: str
    tested: str
    settings: dict[str, str]


Names = Annotated[list[str], Query(alias="name", default_factory=list)]


@router.get("/compare", response_class=HTMLResponse)
def compare(request: Request, caller: Reads, service: TheService, names: Names) -> HTMLResponse:
    """The studies that the address names."""
    summaries = _summaries(service, caller, names)
    shown = {
        "columns": columns_of(summaries),
        "goal": summaries[0].goal if summaries else None,
        "parameters": list(
            dict.fromkeys(name for s in summaries if s.chosen for name in s.chosen[1])
        ),
        "differ": differences(summaries),
        "unlike": incomparable(summaries),
        "query": urlencode({"name": names}, doseq=True),
        "most": MOST,
    }
    return page(request, "compare.html.j2", shown)


@router.get("/compare.svg")
def curves(caller: Reads, service: TheService, names: Names) -> Response:
    """Their curves as a figure."""
    from hpo.serve.web import drawn

    summaries = _summaries(service, caller, names)
    if not summaries or (why := incomparable(summaries)):
        raise ProblemError(404, why if summaries else "name the studies to compare")
    known = tuple(summary.record.name for summary in summaries)
    versions = tuple(state.version(service, name) for name in known)

    def draw() -> bytes:
        svg: bytes = service.pool.run(drawn.compared, service.database.url, known)
        return svg

    return figure(service.cache.get(("compared", known, versions), draw))


def _summaries(service: Service, caller: Caller, names: Sequence[str]) -> list[Summary]:
    names = list(dict.fromkeys(names))
    if len(names) > MOST:
        raise ProblemError(
            422, f"{len(names)} studies are more than can be compared at once: choose up to {MOST}"
        )
    known = [name_in(service, caller, name) for name in names]
    return [Study(name, service.database.url).read() for name in known]


def incomparable(summaries: Sequence[Summary]) -> str:
    """Why the values of these studies can't stand on one axis, in a sentence; empty if they can."""
    if several := [s.record.name for s in summaries if s.record.several]:
        return f"{several[0]} has several objectives, so no one axis shows its values."
    goals = {(s.goal.measured, s.goal.direction) for s in summaries}
    if len(goals) < 2:
        return ""
    metrics = " and ".join(sorted(f"{measured}, {way}d" for measured, way in goals))
    return f"These studies have different metrics ({metrics}), so their values can't be compared."


def differences(summaries: Sequence[Summary]) -> list[str]:
    """What makes the values less comparable than they look, in sentences."""
    sentences = []
    hashes = {s.record.data_hash for s in summaries if s.plan.get("source")}
    if len(hashes) > 1:
        sentences.append(
            "They were not searched on the same rows: a difference of scores may come from the data alone."
        )
    if len({s.plan.get("epochs") for s in summaries}) > 1:
        sentences.append("Their trials are not trained for the same number of epochs.")
    if any(s.record.state != "complete" for s in summaries):
        sentences.append("Not all of them are complete: what is best may still change.")
    return sentences


def columns_of(summaries: Sequence[Summary]) -> list[Column]:
    """The columns of the table; the numbers of a row have one notation if they can be compared."""
    if len(summaries) > 1 and incomparable(summaries):
        return [column for s in summaries for column in columns_of([s])]
    firsts = [s.recommended for s in summaries if s.recommended is not None]
    shown = notation([first.mean for first in firsts], [first.ci95 for first in firsts])
    bests = notation(s.best.value for s in summaries if s.best is not None)
    return [_column(s, shown, bests) for s in summaries]


def _column(s: Summary, shown: Notation, bests: Notation) -> Column:
    first, opening = s.recommended, s.opening
    confirmed = tested = "–"
    if first is not None:
        level = " (95 %)" if uncertain(first.ci95) else ""
        times = counted(len(first.values), "training")
        confirmed = f"{estimate(first.mean, first.ci95, shown)}{level}, {times}"
    if opening is not None and opening.value is not None:
        tested = estimate(opening.value, opening.ci95)
    best = "–" if s.best is None else f"{rounded(s.best.value, bests)}, trial {s.best.number}"
    params = s.chosen[1] if s.chosen else {}
    return Column(
        s.record.name,
        address(s.record.name, s.record.study_id),
        s.record.state,
        f"{s.trainings:,}",
        f"{s.epochs_trained:,}",
        best,
        confirmed,
        tested,
        {name: setting(value) for name, value in params.items()},
    )
