"""What the command line says: a study's summary on one screen, and what came of training again."""

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
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hpo.choose.halving import rung_epochs
from studies import DEFAULT_STORAGE
from studies.analysis.summary import PREDICTS
from studies.database.engine import masked
from studies.words import of_range, setting, settings

if TYPE_CHECKING:
    from hpo.run.reproducing import Reproduced
    from studies import Study
    from studies.study import Snapshot

ERRORS, TIED = 3, 2  # that are shown
FEW = 3  # parameters, for each of which there is room to say why
THIRDS = 3  # of the epochs, and thirds of those: what short training is, where no rungs say
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
    parts: list[RenderableType] = [_heading(said, rows)]
    for version in rows.plans:
        when = f"{version.made:%Y-%m-%d %H:%M} UTC"
        parts += [
            Text(f"Plan changed {when}, after round {version.rounds - 1}: {change['means']}.")
            for change in version.changes
        ]
    if rows.record.holder:
        parts.append(Text(f"Held by {rows.record.holder}.", "cyan"))
    if rows.record.stopped:
        parts.append(Text(f"Stopped early: {rows.record.stopped}.", "yellow"))
    parts += _of_optuna(rows)
    parts += [
        *_errors(rows.errors),
        *_best(said, rows),
        *_confirmed(said, rows),
        Text(),
    ]
    parts += _ranges(said)
    parts += _agreement(study, rows.plan)
    if said["rounds"]:
        parts.append(Text())
    parts.append(_line("Stored", f"in {said['storage']} as ", said["study"]))
    return parts + _next_commands(said, storage, rows)


def reproduced(found: Reproduced) -> list[RenderableType]:
    """What came of training a trial again."""
    compared = f"{found.epochs} epochs of {', '.join(found.metrics)}" if found.metrics else ""
    if found.identical:
        parts = [
            Text.assemble(f"trial {found.trial}: ", ("identical to the last bit", "bold green"))
        ]
        if compared:
            parts[0].append(f" ({compared})")
    else:
        parts = []
        if found.difference is not None:
            at = found.difference
            then, now = ("no value" if v is None else repr(v) for v in (at.then, at.now))
            told = f"epoch {at.epoch}: {at.metric} {then} then, {now} now"
            parts.append(
                Text.assemble(f"trial {found.trial}: ", ("first differs after ", "bold red"), told)
            )
        if found.ends is not None:
            parts.append(Text(f"trial {found.trial}: {found.ends[0]} then, {found.ends[1]} now"))
    if found.environment:
        parts.append(Text("different here:"))
        parts += [Text(f"  {what}") for what in found.environment]
    elif not found.identical:
        parts.append(Text("nothing is different about versions, machine or BLAS"))
    return list(parts)


def _heading(said: Mapping[str, Any], rows: Snapshot) -> Text:
    counts = said["trials"]
    trials = _several_of(sum(counts.values()), "trial")
    left = [f"{n} {state}" for state, n in counts.items() if n and state != "complete"]
    if left:
        trials += f" ({', '.join(left)})"
    if _again(said):
        trials += f" and {_again(said)} to confirm"
    if rows.plan:
        state = (said["state"], STATES[said["state"]])
        trained = f"{_several_of(said['epochs_trained'], 'epoch')} trained"
    else:  # whether it is complete, and what a reported value stands for, only its maker knows
        state = ("made by Optuna", "")
        trained = f"{_several_of(said['epochs_trained'], 'value')} reported"
    return Text.assemble((said["study"], "bold"), " · ", state, f" · {trials} · {trained}")


def _several_of(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _several(said: Mapping[str, Any]) -> str:
    """The objectives of a study that has more than one."""
    return f"{len(said['directions'])} objectives ({', '.join(said['directions'])})"


def _of_optuna(rows: Snapshot) -> list[RenderableType]:
    """What plain Optuna made, where that is not all, and what it left unended."""
    adopted = rows.record.provenance.get("adopted")
    if adopted:
        said = f"Optuna made the first {adopted['trials']} trials."
        if adopted["failed"]:
            said += f" {', '.join(map(str, adopted['failed']))} had not ended, and are recorded as failed."
        return [Text(said)]
    going = rows.counts.get("running", 0)
    if rows.plan or not going:
        return []
    return [
        Text(
            f"{going} more running or waiting by Optuna's record, or left so by a process that was killed."
        )
    ]


def _errors(errors: Counter[str]) -> list[RenderableType]:
    """What the trainings that failed with an error said, the commonest first."""
    shown = errors.most_common(ERRORS)
    lines: list[RenderableType] = [Text(f"{count} × {message}", "red") for message, count in shown]
    if len(errors) > ERRORS:
        lines.append(Text(f"and {len(errors) - ERRORS} other errors", "red"))
    return lines


def _scored(said: Mapping[str, Any], rows: Snapshot) -> str:
    """What is optimized. On which rows a trainer of the user's scores is its own affair."""
    return f"validation {said['metric']}" if rows.plan.get("source") else str(said["metric"])


def _best(said: Mapping[str, Any], rows: Snapshot) -> list[RenderableType]:
    best = said["best"]
    if rows.record.several:
        found = ", ".join(map(str, rows.front))
        return [
            Text(f"{_several(said)}: no one trial is the best."),
            Text(f"No other trial is better in all of them than: {found or 'none yet'}."),
        ]
    if not rows.counts:
        return [Text("There are no trials yet.")]
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
        Text(f"Recommended: the settings of trial {recommended['trial']}", "bold"),
        *_params(recommended["params"]),
    ]


def _params(params: Mapping[str, Any]) -> list[RenderableType]:
    if len(params) > FEW:
        return [Padding(Text(settings(params)), (0, 0, 0, 2), expand=False)]
    width = max(map(len, params), default=0)
    return [Text(f"  {name:{width}}  {setting(value)}") for name, value in params.items()]


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
        named = ", ".join(f"{f['trial']} ({_sure(f)})" for f in tied[:TIED])
        named = f"trial{'s' * (len(tied) > 1)} {named}"
        more = f" and {len(tied) - TIED} more" if len(tied) > TIED else ""
        lines.append(("tied with it", Text(f"{named}{more}")))
    table = Table.grid(padding=(0, 2), pad_edge=False)
    for name, text in lines:
        table.add_row(f"  {name}", text)
    note = rows.conclusion.note if rows.conclusion else ""
    return [table, Padding(Text(note, "dim"), (0, 0, 0, 2))] if note else [table]


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
    """How each range moved. Of few parameters, why, too."""
    if not said["rounds"]:
        return []
    first = {n: _range(r) for n, r in said["rounds"][0]["ranges"].items()}
    last = {n: _range(r) for n, r in said["ranges"].items()}
    if len(last) > FEW:
        table = Table.grid(padding=(0, 2), pad_edge=False)
        for name in last:
            if first[name] != last[name]:
                table.add_row(Text(f"  {name}", "bold"), Text(f"{first[name]}  →  {last[name]}"))
        whole = ", ".join(name for name in last if first[name] == last[name])
        unmoved = [Padding(Text(f"the whole range: {whole}", "dim"), (0, 0, 0, 2), expand=False)]
        return [_line("Ranges"), table, *(unmoved if whole else [])]
    parts: list[RenderableType] = [_line("Ranges,", "and why after which rounds")]
    for name, now in last.items():
        moved = f"{first[name]}  →  {now}" if now != first[name] else f"{now}  (the whole range)"
        parts.append(Text.assemble("  ", (name, "bold"), f"  {moved}"))
        verdicts = Table.grid(padding=(0, 2), pad_edge=False)
        for rounds, verdict in _told(said["rounds"], name):
            style = ACTIONS[verdict["action"]]
            verdicts.add_row(Text(f"    {rounds}", "dim"), Text(verdict["reason"], style))
            if verdict.get("warning"):
                verdicts.add_row("", Text(verdict["warning"], "yellow"))
        if verdicts.rows:
            parts.append(verdicts)
    return parts


def _range(fields: Mapping[str, Any]) -> str:
    return of_range(fields.get("choices"), fields.get("low", 0), fields.get("high", 0))


def _told(rounds: Sequence[Mapping[str, Any]], name: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The verdicts on a parameter that there is room for, and after which rounds: those that moved its range or warn;
    where there is none, the last that kept it, which rests on the most trials.
    """
    found = [(str(r["round"]), r["verdicts"][name]) for r in rounds if name in r["verdicts"]]
    loud = [(number, verdict) for number, verdict in found if not _is_quiet(verdict)]
    if loud or not found:
        return loud
    (first, _), (last, verdict) = found[0], found[-1]
    return [(first if first == last else f"{first}–{last}", verdict)]


def _is_quiet(verdict: Mapping[str, Any]) -> bool:
    return verdict["action"] == "kept" and not verdict.get("warning")


def _agreement(study: Study, plan: Mapping[str, Any]) -> list[RenderableType]:
    """Whether short training predicted long training."""
    if not plan:
        return []
    epochs = [*rung_epochs(plan["epochs"], plan["halving"] or THIRDS), plan["epochs"]]
    agreements = study.rank_agreement(epochs)
    if not agreements:
        return []
    first, *others = (f"{a.epoch} and {a.later}{{}} {a.correlation:.2f}" for a in agreements)
    told = ", ".join([first.format(" epochs"), *(other.format("") for other in others)])
    lines: list[RenderableType] = [_line("Rank correlation", f"after {told}")]
    if min(a.correlation for a in agreements) < PREDICTS:
        advice = "Short training says little: what does well early need not be best later."
        lines.append(Text(f"  {advice}", "yellow"))
    return lines


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


def _next_commands(said: Mapping[str, Any], storage: str, rows: Snapshot) -> list[RenderableType]:
    name, where = shlex.quote(said["study"]), _where(storage)
    more, why_not = "", None
    if not rows.plan:
        from hpo.plan.adopt import refusal
        from studies.database.optunas import read_optunas

        more = f" --trainer FILE.py:FUNCTION --trials {2 * sum(rows.counts.values())}"
        why_not = refusal(read_optunas(said["study"], storage))
    elif said["state"] == "complete":
        more = f" --trials {2 * _trainings(said)}"
    commands = [
        (f"hpo report {name} -o {slug(said['study'])}.html{where}", "see it"),
        (resume_command(said["study"], storage) + more, "go on with it"),
        (f"hpo export {name} --table trials{where}", "take the trials elsewhere"),
    ]
    if why_not:
        del commands[1]
    width = max(len(command) for command, _ in commands)
    lines: list[RenderableType] = []
    for command, purpose in commands:
        # A command is never broken: it is there to be copied.
        line = Text.assemble("  ", (f"{command:{width}}", "cyan"), no_wrap=True, overflow="ignore")
        lines.append(line.append(f"  # {purpose}", "dim") if width < 50 else line)
    if why_not:
        lines.append(Text(f"  Optuna can go on with it, hpo can't: {why_not}"))
    return lines


def _trainings(said: Mapping[str, Any]) -> int:
    trials: dict[str, int] = said["trials"]
    return sum(trials.values()) + _again(said)


def _again(said: Mapping[str, Any]) -> int:
    return sum(len(finalist["values"]) for finalist in said["finalists"])


def _line(word: str, *rest: str) -> Text:
    return Text.assemble((word, "bold"), " ", *rest)
