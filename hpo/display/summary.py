"""A stored study on one screen: its state, the best settings, how each range moved and why, and what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hpo.display.commands import next_commands
from hpo.display.text import ACTIONS, STATES
from studies import Study
from studies.analysis import agreement, baselines, references
from studies.analysis.facts import data_in_short
from studies.analysis.summary import Summary
from studies.database.records import Finalist, Round
from studies.words import (
    Notation,
    column,
    condition,
    counted,
    describe,
    estimate,
    listed,
    notation,
    number,
    rounded,
    setting,
    settings,
    uncertain,
)

MAX_ERRORS, MAX_TIED, MAX_FRONT = 3, 2, 5  # shown at most
MAX_VERDICTS = 2  # on one parameter
MAX_DETAILED = 3  # parameters for which the reasons of each range have room


def summary(study: Study) -> list[RenderableType]:
    """The parts of the screen, from top to bottom."""
    s = study.read()
    parts: list[RenderableType] = [_heading(s)]
    for version in s.plans:
        when = f"{version.made:%Y-%m-%d %H:%M} UTC, after round {version.rounds - 1}"
        parts += [Text(f"Plan changed {when}: {change['means']}.") for change in version.changes]
    if s.record.holder:
        parts.append(Text(f"Held by {s.record.holder}.", "cyan"))
    if s.record.stopped:
        parts.append(Text(f"Stopped early: {s.record.stopped}.", "yellow"))
    parts += [Text(sentence) for sentence in data_in_short(s)]
    parts += [*_by_optuna(s), *_errors(s.errors), *_best(s), *_confirmed(s)]
    if s.predicted is not None:
        first, *others = s.predicted.sentences()
        parts += [_indented(first), *(Padding(Text(line), (0, 0, 0, 4)) for line in others)]
    parts += _ranges(s)
    if s.plan and (agreements := study.rank_agreement()):
        parts += _agreement(agreements)
    parts.append(_line("Stored", f"in {s.storage} as ", s.record.name))
    return parts + next_commands(s, study.storage)


def ended_early(s: Summary) -> str:
    """How many trials ended in which way before their last epoch."""
    ways = {
        "pruned": s.ended["pruned"],
        "diverged": s.diverged,
        "raised an error": s.errors.total(),
        "failed": s.ended["failed"] - s.diverged - s.errors.total(),
    }
    return ", ".join(f"{count} {how}" for how, count in ways.items() if count > 0)


def _heading(s: Summary) -> Text:
    trials = counted(sum(s.ended.values()), "trial")
    if others := ended_early(s):
        trials += f" ({others})"
    if s.confirming:
        trials += f" and {s.confirming} to confirm"
    if s.folds is not None:
        trials += f", each on {s.folds} folds: {counted(s.trainings, 'training')}"
    if s.plan:
        state = (str(s.record.state), STATES[s.record.state])
        trained = f"{counted(s.epochs_trained, 'epoch')} trained"
    else:  # of Optuna alone: whether it is complete, and what a reported value means, is not recorded
        state = ("made by Optuna", "")
        trained = f"{counted(s.epochs_trained, 'value')} reported"
    return Text.assemble((s.record.name, "bold"), " · ", state, f" · {trials} · {trained}")


def _by_optuna(s: Summary) -> list[RenderableType]:
    """Which trials of an adopted study Optuna made; how many trials of a study by Optuna alone have not ended."""
    adopted = s.record.provenance.get("adopted")
    if adopted:
        text = f"Optuna made the first {adopted['trials']} trials."
        if adopted["failed"]:
            recorded = "is" if len(adopted["failed"]) == 1 else "are"
            text += (
                f" {_trials(adopted['failed'])} had not ended, and {recorded} recorded as failed."
            )
        return [Text(text)]
    unended = s.trials.get("running", 0)
    if s.plan or not unended:
        return []
    why = "or their process was killed"
    return [Text(f"{unended} more running or waiting by Optuna's record, {why}.")]


def _errors(errors: Counter[str]) -> list[RenderableType]:
    """The errors of the trainings that failed, the commonest first."""
    shown = errors.most_common(MAX_ERRORS)
    lines: list[RenderableType] = [Text(f"{count} × {message}", "red") for message, count in shown]
    if len(errors) > MAX_ERRORS:
        lines.append(Text(f"and {len(errors) - MAX_ERRORS} other errors", "red"))
    return lines


def _best(s: Summary) -> list[RenderableType]:
    if s.record.several:
        return _front(s)
    if not s.trials:
        return [Text("There are no trials yet.")]
    if s.best is None:
        return [Text("No trial has succeeded.", "red")]
    confirmed, value = _best_confirmed(s), s.best.value
    best = Text.assemble(
        (f"Best {s.goal.measured} ", "bold"),
        (rounded(value, _notation(s)) if confirmed else number(value, 4), "bold green"),
        f" (trial {s.best.number})",
    )
    for finalist in confirmed:
        best.append(f", confirmed {_estimate(finalist, _notation(s))}")
    if s.recommended is None:
        return [best, *_params(s.best.params)]
    trial, epochs = s.recommended.trial, ""
    if s.fewer_epochs is not None:
        epochs = f", {s.fewer_epochs} of {s.plan['epochs']} epochs"
    recommended = Text(f"Recommended: the settings of trial {trial}{epochs}", "bold")
    return [best, recommended, *_params(s.recommended.params)]


def _front(s: Summary) -> list[RenderableType]:
    """Of several objectives: some of the trials that no other beats, from end to end of the first objective."""
    parts: list[RenderableType] = [
        Text(f"{len(s.objectives)} objectives, {', '.join(s.objectives)}: no single trial is best.")
    ]
    count = len(s.front)
    if not count:
        return [*parts, Text("No trial has succeeded.", "red")]
    shown = min(count, MAX_FRONT)
    places = [k * (count - 1) // max(shown - 1, 1) for k in range(shown)]
    table = _grid()
    table.add_row("  trial", *s.objectives)
    columns = [column(values) for values in zip(*(s.front[k].values for k in places), strict=True)]
    for place, *values in zip(places, *columns, strict=True):
        table.add_row(f"  {s.front[place].number}", *values)
    beaten = f"{counted(count, 'trial')} {'is' if count == 1 else 'are'} beaten by no other"
    some = f"; {shown} of them, from best to worst in the first:" if count > shown else ":"
    return [*parts, Text(f"{beaten}{some}"), table]


def _trials(numbers: Sequence[int]) -> str:
    """Trials by their numbers: `Trial 51`, `Trials 3 and 51`."""
    *others, last = map(str, numbers)
    return f"Trials {', '.join(others)} and {last}" if others else f"Trial {last}"


def _params(params: Mapping[str, Any]) -> list[RenderableType]:
    if len(params) > MAX_DETAILED:
        return [_indented(settings(params))]
    width = max(map(len, params), default=0)
    return [Text(f"  {name:{width}}  {setting(value)}") for name, value in params.items()]


def _confirmed(s: Summary) -> list[RenderableType]:
    """The recommended settings' results on fresh seeds and splits and on the test rows; the tied settings."""
    compared = [_indented(text) for text in baselines.sentences(s.baselines, s.goal)]
    if sentences := references.sentences(s):
        compared.append(_indented(" ".join(sentences)))
    if s.recommended is None:
        return [*compared] if s.best else []
    first, *others = s.finalists
    shown, table = _notation(s), _grid()
    trained = f", {counted(len(first.values), 'fresh training')}"
    table.add_row(
        f"  {s.goal.measured}", Text.assemble((_estimate(first, shown), "bold green"), trained)
    )
    if s.opening is not None and s.opening.value is not None:
        whose = "" if s.opening.trial == first.trial else f" of trial {s.opening.trial}"
        score = _level(estimate(s.opening.value, s.opening.ci95), s.opening.ci95)
        seen = f"{whose}, seen once on {s.opening.opened:%Y-%m-%d}"
        table.add_row(f"  test {s.goal.metric}", Text.assemble((score, "bold green"), seen))
    tied = [finalist for finalist in others if finalist.tied]
    if tied:
        named = listed((f"{f.trial} ({estimate(f.mean, f.ci95, shown)})" for f in tied), MAX_TIED)
        table.add_row("  tied with it", Text(f"trial{'s' * (len(tied) > 1)} {named}"))
    if untold := sum(finalist.tied is None for finalist in others):
        table.add_row("  can't tell", Text(f"{counted(untold, 'other')}: trained too few times"))
    return [table, *compared, _indented(s.note)] if s.note else [table, *compared]


def _best_confirmed(s: Summary) -> list[Finalist]:
    """The finalist with the settings of the best trial, if they were trained again."""
    return [f for f in s.finalists if s.best and f.trial == s.best.number]


def _notation(s: Summary) -> Notation:
    """The notation of the best value and the means, which are shown together."""
    tied = [f for f in s.finalists[1:] if f.tied][:MAX_TIED]
    best = _best_confirmed(s)
    together = [*s.finalists[:1], *tied, *best]
    values = [f.mean for f in together] + [s.best.value for _ in best if s.best]
    return notation(values, [f.ci95 for f in together])


def _estimate(finalist: Finalist, shown: Notation) -> str:
    """A mean with its interval: 0.9753 ± 0.0042 (95 %)."""
    if finalist.mean is None:
        return "by no value: a training failed"
    return _level(estimate(finalist.mean, finalist.ci95, shown), finalist.ci95)


def _level(text: str, ends: tuple[float, float] | None) -> str:
    return f"{text} (95 %)" if uncertain(ends) else text


def _ranges(s: Summary) -> list[RenderableType]:
    """How each range moved and, for few parameters, why."""
    if not s.rounds:
        return []
    first = {name: describe(fields) for name, fields in s.rounds[0].ranges.items()}
    last = {name: describe(fields) for name, fields in s.ranges.items()}
    when = {name: condition(fields) for name, fields in s.ranges.items()}
    if len(last) > MAX_DETAILED:
        table = _grid()
        for name in last:
            if first[name] != last[name]:
                moved = f"{first[name]}  →  {last[name]}{when[name]}"
                table.add_row(Text(f"  {name}", "bold"), Text(moved))
        whole = ", ".join(name + when[name] for name in last if first[name] == last[name])
        unmoved = [_indented(f"the whole range: {whole}", "dim")] if whole else []
        return [_line("Ranges"), table, *unmoved]
    parts: list[RenderableType] = [_line("Ranges,", "and why after which rounds")]
    for name, now in last.items():
        moved = f"{first[name]}  →  {now}" if now != first[name] else f"{now}  (the whole range)"
        parts.append(_shifted(Text.assemble((name, "bold"), f"  {moved}{when[name]}")))
        verdicts = _grid()
        for rounds, verdict in _telling_verdicts(s.rounds, name):
            style = ACTIONS[verdict["action"]]
            verdicts.add_row(Text(f"    {rounds}", "dim"), Text(verdict["reason"], style))
            if verdict.get("warning"):
                verdicts.add_row("", Text(verdict["warning"], "yellow"))
        if verdicts.rows:
            parts.append(verdicts)
    return parts


def _telling_verdicts(rounds: Sequence[Round], name: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The last verdicts on a parameter that moved its range or warn, each with its round. The report has all of them.

    If there are none, it is the last verdict, which rests on the most trials, for all rounds.
    """
    verdicts = [(r.round, r.verdicts[name]) for r in rounds if r.verdicts and name in r.verdicts]
    telling = [(k, v) for k, v in verdicts if v["action"] != "kept" or v.get("warning")]
    if telling or not verdicts:
        return [(str(number), verdict) for number, verdict in telling[-MAX_VERDICTS:]]
    (first, _), (last, verdict) = verdicts[0], verdicts[-1]
    return [(f"{first}" if first == last else f"{first}–{last}", verdict)]


def _agreement(agreements: Sequence[agreement.Agreement]) -> list[RenderableType]:
    """Whether short training predicted long training."""
    lines: list[RenderableType] = [Text(agreement.sentence(agreements))]
    if any(a.misleads for a in agreements):
        lines.append(Text("  Settings that do well early may do worse in the end.", "yellow"))
    return lines


def _line(word: str, *rest: str) -> Text:
    return Text.assemble((word, "bold"), " ", *rest)


def _indented(text: str, style: str = "") -> Padding:
    return _shifted(Text(text, style))


def _shifted(text: Text) -> Padding:
    """Text two columns from the left, all its lines if it wraps."""
    return Padding(text, (0, 0, 0, 2), expand=False)


def _grid() -> Table:
    return Table.grid(padding=(0, 2), pad_edge=False)
