"""What the command line says: a study's summary on one screen, and the list of studies."""

from __future__ import annotations

import math
import os
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from hpo.cli import DEFAULT_STORAGE
from hpo.halving import rung_epochs
from hpo.space import describe, from_mapping, number
from studies.engine import masked

if TYPE_CHECKING:
    from studies import Study
    from studies.study import Snapshot

ERRORS, TIED = 3, 3  # that are shown
THIRDS = 3  # of the epochs, and thirds of those: what short training is, where no rungs say
PREDICTS = 0.5  # a rank correlation below this is hardly one
STATES = {"complete": "green", "running": "cyan", "interrupted": "yellow"}
ACTIONS = {"narrowed": "green", "extended": "magenta", "kept": "dim"}


def show(*parts: RenderableType) -> None:
    """Print on stdout: in colour on a terminal, without blanks at the ends of lines elsewhere."""
    console = Console(highlight=False)
    if console.is_terminal:
        _print(console, parts)
        return
    with console.capture() as printed:
        _print(console, parts)
    click.echo("\n".join(line.rstrip() for line in printed.get().splitlines()))


def _print(console: Console, parts: Sequence[RenderableType]) -> None:
    for part in parts:
        whole = isinstance(part, Text) and bool(part.no_wrap)  # which print does not see by itself
        console.print(part, no_wrap=whole, overflow="ignore" if whole else None, crop=not whole)


def summary(study: Study) -> list[RenderableType]:
    """A stored study: how it stands, the best settings, how each range moved and why, what to do next."""
    rows, storage = study.read(), study.storage
    said = rows.summary(storage)
    parts: list[RenderableType] = [_heading(said)]
    if rows.record.stopped:
        parts.append(Text(f"Stopped early: {rows.record.stopped}.", "yellow"))
    parts += [
        Text(),
        *_errors(rows.errors()),
        *_best(said, rows),
        *_confirmed(said, rows),
        Text(),
    ]
    if said["rounds"]:
        parts += [*_ranges(said), Text()]
    parts += _agreement(rows)
    parts += [_line("Stored", f"in {said['storage']} as ", said["study"]), Text()]
    return parts + _next_commands(said, storage)


def settings(params: Mapping[str, Any]) -> str:
    """Settings in a line: learning_rate 0.07 · weight_decay 0.00267."""
    return " · ".join(f"{name} {_value(value)}" for name, value in params.items())


def studies_table(summaries: Sequence[Mapping[str, Any]]) -> RenderableType:
    """The studies of a database, a line each."""
    if not summaries:
        return Text("no studies yet: start one with  hpo search digits")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column, side in (
        ("study", "left"),
        ("state", "left"),
        ("trials", "right"),
        ("best", "right"),
    ):
        table.add_column(column, justify=side, overflow="fold")  # type: ignore[arg-type]  # a literal
    table.add_column("metric")
    for said in summaries:
        best = said["best"]
        table.add_row(
            Text(said["study"]),
            Text(said["state"], STATES[said["state"]]),
            str(sum(said["trials"].values())),
            "–" if best is None else f"{best['value']:.4g}",
            Text(f"{said['metric']} ({said['direction']})"),
        )
    return table


def _heading(said: Mapping[str, Any]) -> Text:
    counts = said["trials"]
    trials = f"{sum(counts.values())} trials"
    left = [f"{n} {state}" for state, n in counts.items() if n and state != "complete"]
    if left:
        trials += f" ({', '.join(left)})"
    if _again(said):
        trials += f" and {_again(said)} to confirm"
    return Text.assemble(
        (said["study"], "bold"),
        " · ",
        (said["state"], STATES[said["state"]]),
        f" · {trials} · {said['epochs_trained']:,} epochs trained",
    )


def _errors(errors: Counter[str]) -> list[RenderableType]:
    """What the trainings that failed with an error said, the commonest first."""
    shown = errors.most_common(ERRORS)
    lines: list[RenderableType] = [Text(f"{count} × {message}", "red") for message, count in shown]
    if len(errors) > ERRORS:
        lines.append(Text(f"and {len(errors) - ERRORS} other errors", "red"))
    return [*lines, Text()] if lines else []


def _scored(said: Mapping[str, Any], rows: Snapshot) -> str:
    """What is optimized. On which rows a trainer of the user's scores is its own affair."""
    return str(said["metric"]) if rows.plan.get("trainer") else f"validation {said['metric']}"


def _best(said: Mapping[str, Any], rows: Snapshot) -> list[RenderableType]:
    best = said["best"]
    if best is None:
        return [Text("No trial has succeeded.", "red")]
    told = Text.assemble(
        (f"Best {_scored(said, rows)} ", "bold"),
        (f"{best['value']:.4g}", "bold green"),
        f" (trial {best['trial']})",
    )
    again = [f for f in said["finalists"] if f["trial"] == best["trial"]]
    if again:
        told.append(f", confirmed {_sure(again[0])}")
    recommended = said["recommended"]
    if recommended is None:
        return [told, *_params(best["params"])]
    return [
        told,
        Text(),
        Text(f"Recommended: the settings of trial {recommended['trial']}", "bold"),
        *_params(recommended["params"]),
    ]


def _params(params: Mapping[str, Any]) -> list[RenderableType]:
    width = max(map(len, params))
    return [Text(f"  {name:{width}}  {_value(value)}") for name, value in params.items()]


def _confirmed(said: Mapping[str, Any], rows: Snapshot) -> list[RenderableType]:
    """How good the recommended settings are on fresh seeds and splits and on the test rows, and which are as good."""
    if said["recommended"] is None:
        return []
    first, *others = said["finalists"]
    metric, count = said["metric"], len(first["values"])
    lines = [
        (
            _scored(said, rows),
            Text.assemble(
                (_sure(first), "bold green"), f" (95 %), {count} × on fresh seeds and splits"
            ),
        )
    ]
    if said["test"]:
        when = said["test"]["opened_at"].replace("T", " ")[:16]
        opening = rows.opening
        other = opening is not None and opening.trial != first["trial"]
        whose = f" of trial {opening.trial}" if opening and other else ""
        seen = f"{whose}, on rows seen once: {when} UTC"
        lines.append(
            (f"test {metric}", Text.assemble((f"{said['test']['value']:.4g}", "bold green"), seen))
        )
    tied = [f for f in others if f["tied"]]
    if tied:
        named = ", ".join(f"trial {f['trial']} ({_sure(f)})" for f in tied[:TIED])
        more = f" and {len(tied) - TIED} more" if len(tied) > TIED else ""
        lines.append(("tied with it", Text(f"{named}{more}")))
    table = Table.grid(padding=(0, 2), pad_edge=False)
    for name, text in lines:
        table.add_row(f"  {name}", text)
    return [table]


def _sure(finalist: Mapping[str, Any]) -> str:
    """A mean and half of its interval: 0.975 ± 0.004."""
    if finalist["mean"] is None:
        return "by no value: a training failed"
    if finalist["ci95"] is None:
        return f"{finalist['mean']:.4g}"
    low, high = finalist["ci95"]
    half = (high - low) / 2
    if half <= 0:
        return f"{finalist['mean']:.4g}"
    decimals = max(0, -math.floor(math.log10(half)))
    return f"{finalist['mean']:.{decimals}f} ± {half:.{decimals}f}"


def _ranges(said: Mapping[str, Any]) -> list[RenderableType]:
    parts: list[RenderableType] = [Text("Ranges", "bold")]
    rounds, last = said["rounds"], said["ranges"]
    for name, fields in last.items():
        first = describe(from_mapping(rounds[0]["ranges"][name]))
        now = describe(from_mapping(fields))
        moved = f"{first}  →  {now}" if now != first else f"{now}  (the whole range)"
        parts.append(Text.assemble("  ", (name, "bold"), f"  {moved}"))
        verdicts = Table.grid(padding=(0, 2), pad_edge=False)
        for r in rounds:
            verdict = r["verdicts"].get(name)
            if verdict:
                style = ACTIONS[verdict["action"]]
                verdicts.add_row(
                    Text(f"    round {r['round']}", "dim"), Text(verdict["reason"], style)
                )
                if verdict.get("warning"):
                    verdicts.add_row("", Text(verdict["warning"], "yellow"))
        parts.append(verdicts)
    return parts


def _agreement(rows: Snapshot) -> list[RenderableType]:
    """Whether short training predicted long training."""
    plan = rows.plan
    if not plan:
        return []
    epochs = [*rung_epochs(plan["epochs"], plan["halving"] or THIRDS), plan["epochs"]]
    agreements = rows.rank_agreement(epochs)
    if not agreements:
        return []
    lines: list[RenderableType] = [Text("Did short training predict long training?", "bold")]
    for a in agreements:
        line = Text(f"  {a.epoch} of {a.later} epochs: rank correlation {a.correlation:.2f}")
        lines.append(line.append(f" ({a.trials} trials)", "dim"))
    worst = min(a.correlation for a in agreements)
    if worst < PREDICTS:
        advice = "Little: what left early, or does best so early, need not be what is best later."
        lines.append(Text(f"  {advice}", "yellow"))
    return [*lines, Text()]


def resume_command(name: str, storage: str) -> str:
    """What to type to go on with a study."""
    return f"hpo resume {shlex.quote(name)}{_where(storage)}"


def slug(name: str) -> str:
    """A study's name as part of a file's: no folder, nothing that a shell or a file system reads otherwise."""
    return re.sub(r"[^\w.]+", "-", name).strip("-.")[:60] or "study"


def _where(storage: str) -> str:
    """--storage, where a command would not find the study without it; passwords are left out."""
    if storage in (DEFAULT_STORAGE, os.environ.get("HPO_STORAGE")):
        return ""
    return f" --storage {shlex.quote(masked(storage))}"


def _next_commands(said: Mapping[str, Any], storage: str) -> list[RenderableType]:
    name, where = shlex.quote(said["study"]), _where(storage)
    more = f" --trials {2 * _trainings(said)}" if said["state"] == "complete" else ""
    commands = (
        (f"hpo report {name} -o {slug(said['study'])}.html{where}", "see it"),
        (resume_command(said["study"], storage) + more, "go on with it"),
        (f"hpo export {name} --table trials{where}", "take the trials elsewhere"),
    )
    width = max(len(command) for command, _ in commands)
    lines: list[RenderableType] = [Text("Next", "bold")]
    for command, purpose in commands:
        # A command is never broken: it is there to be copied.
        line = Text.assemble("  ", (f"{command:{width}}", "cyan"), no_wrap=True, overflow="ignore")
        lines.append(line.append(f"  # {purpose}", "dim") if width < 50 else line)
    return lines


def _trainings(said: Mapping[str, Any]) -> int:
    trials: dict[str, int] = said["trials"]
    return sum(trials.values()) + _again(said)


def _again(said: Mapping[str, Any]) -> int:
    return sum(len(finalist["values"]) for finalist in said["finalists"])


def _line(word: str, *rest: str) -> Text:
    return Text.assemble((word, "bold"), " ", *rest)


def _value(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)
