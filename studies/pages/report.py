"""A study -> one HTML page that needs nothing else: no script, no network, no file beside it.

The page says in words what came out, then shows the evidence. It is a function of the study alone, to the last byte:
nothing in it depends on when or where it was made. Jinja2 escapes every word, and matplotlib those that stay text in a
figure (see `studies.plots.look.svg`); the words of other figures are drawn as paths.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jinja2
import pandas as pd

from studies.analysis import frames, references
from studies.analysis.advice import Advice, advice
from studies.analysis.agreement import compared_scores, rank_agreement
from studies.analysis.baselines import sentences
from studies.analysis.facts import about_data, worth_of_best
from studies.analysis.generalization import generalization
from studies.analysis.summary import Summary
from studies.database.engine import is_served
from studies.pages.drawings import Sections
from studies.pages.environment import page_environment
from studies.pages.pictures import Picture, drawing
from studies.pages.snippet import snippet
from studies.words import (
    between,
    column,
    condition,
    counted,
    describe,
    file_name,
    notation,
    number,
    of_range,
    rounded,
    setting,
    settings,
    uncertain,
)

BEST = 20  # trials in the table of the best
EVERY = 2000  # trials in the table of all; more make the page slow


def render(
    summary: Summary,
    trials: pd.DataFrame,
    epochs: pd.DataFrame,
    rounds: pd.DataFrame,
    finalists: pd.DataFrame,
) -> str:
    """The page of a study, from its summary and its frames."""
    environment = page_environment()
    add_words(environment)
    commands = not is_served(summary.storage)  # what is on a service is gone on with there
    shown = contents(summary, trials, epochs, rounds, finalists, commands=commands)
    if shown["figures"]:
        shown["figures"] = {
            section: [drawing(p) if isinstance(p, Picture) else p for p in pictures]
            for section, pictures in shown["figures"].items()
        }
    return environment.get_template("report.html.j2").render(shown)


def add_words(environment: jinja2.Environment) -> None:
    """Let the templates of an environment write numbers, intervals and settings as the report does."""
    environment.filters |= {"setting": setting, "value": lambda value: number(value, 4)}
    environment.globals |= {
        "rounded": rounded,
        "between": between,
        "uncertain": uncertain,
        "counted": counted,
        "of_trial": str,
    }


def contents(
    summary: Summary,
    trials: pd.DataFrame,
    epochs: pd.DataFrame,
    rounds: pd.DataFrame,
    finalists: pd.DataFrame,
    *,
    commands: bool = True,
) -> dict[str, Any]:
    """What `report_body.html.j2` shows of a study; its figures are pictures, which are not drawn yet.

    Without `commands`, nothing says where the study is stored, or what to type to go on with it.
    """
    finished = trials["finished"].max()
    values = trials["value"][frames.scored(trials) & (trials["state"] == "complete")].tolist()
    record, opening = summary.record, summary.opening
    shown = notation(
        [v for f in summary.finalists for v in (f.mean, summary.searched.get(f.trial))],
        [f.ci95 for f in summary.finalists],
    )
    first = summary.recommended
    trial, params = summary.chosen or (None, {})
    trained = {**summary.plan, "epochs": summary.fewer_epochs or summary.plan.get("epochs")}
    versions = record.provenance.get("versions", {})
    task = record.provenance.get("data", {}).get("task")
    own = summary.plan.get("trials", 0) - record.adopted
    return {
        "summary": summary,
        "record": record,
        "commands": commands,
        "by_optuna": not summary.plan,
        "about_data": about_data(summary),
        "worth": worth_of_best(summary, values),
        "baselines": sentences(summary.baselines, summary.goal) if summary.chosen else [],
        "references": references.sentences(summary),
        "shown": shown,
        "first_shown": notation([first.mean], [first.ci95]) if first else None,
        "left": len({len(f.values) for f in summary.finalists}) > 1,
        "test_shown": notation([summary.test], [opening.ci95 if opening else None]),
        "total": len(trials),
        "scored": len(values),
        "in_training": int((trials["state"] == "running").sum()),
        "diverged": int(trials["diverged_epoch"].notna().sum()),
        "advice": _advice(summary, trials, epochs, rounds, commands=commands),
        "snippet": None
        if trial is None or "text" in summary.data.get("kinds", {})  # its rows need to be encoded
        else snippet(trained if summary.plan else {}, params, task=task),
        "reproduce": ""
        if trial is None or not commands
        else _command(summary, "reproduce", str(trial)),
        "train": _command(summary, "train", "-o", f"{file_name(record.name)}.hpo")
        if summary.can_train and commands
        else "",
        "figures": None
        if record.several
        else Sections(summary, trials, epochs, rounds, finalists).pictures(),
        "ranges": _ranges(summary, rounds),
        "best": _best_trials(summary, trials, rounds),
        "every": _every_trial(trials),
        "plan": _plan(summary),
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "finished": "" if pd.isna(finished) else f"{finished:%Y-%m-%d %H:%M} UTC",
        "resume": _command(summary, "resume")
        + (
            f" --trials {2 * own or record.adopted}"
            if summary.plan and record.state == "complete"
            else ""
        )
        if commands
        else "",
    }


def _advice(
    summary: Summary,
    trials: pd.DataFrame,
    epochs: pd.DataFrame,
    rounds: pd.DataFrame,
    *,
    commands: bool,
) -> list[Advice]:
    if summary.record.several:
        return []
    learned = generalization(trials, epochs, goal=summary.goal)
    agreements = rank_agreement(compared_scores(trials, epochs, summary.goal.metric))
    items = advice(summary, trials, rounds, learned, agreements)
    return items if commands else [replace(item, command="") for item in items]


def _command(summary: Summary, action: str, *arguments: str) -> str:
    """What to type to do something with the study; nothing where a shell can't do that."""
    if not summary.plan or not summary.by_name:
        return ""
    words = ["hpo", action, summary.record.name, *arguments, "--storage", summary.storage]
    return shlex.join(words)


# Tables


def _ranges(summary: Summary, rounds: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of each parameter: the round, the range that it drew from, the verdict, the rest of the sentence."""
    groups = []
    for name, of_name in rounds.groupby("parameter", sort=False):
        rows = []
        for row in of_name.to_dict("records"):
            action = "" if pd.isna(row["action"]) else str(row["action"])
            reason = str(row["reason"]) if action else "not judged yet"
            warning = "" if pd.isna(row["warning"]) else f" ({row['warning']})"
            scale = ", log" if row["log"] else ""
            rows.append(
                {
                    "round": f"round {row['round']}",
                    "range": of_range(row["choices"], row["low"], row["high"]) + scale,
                    "action": action,
                    "reason": reason.removeprefix(action) + warning,
                }
            )
        if action:
            following = of_range(row["next_choices"], row["next_low"], row["next_high"]) + scale
            rows.append({"round": "next", "range": following, "action": "", "reason": ""})
        shown = f"{name}{condition(summary.ranges.get(str(name), {}))}"
        groups.append({"parameter": shown, "rows": rows})
    return groups


def _best_trials(summary: Summary, trials: pd.DataFrame, rounds: pd.DataFrame) -> dict[str, Any]:
    known = rounds["parameter"] if len(rounds) else frames.parameters(trials)
    names = [name for name in dict.fromkeys(known) if name in trials]
    if summary.record.several:
        values, headings = frames.objectives(trials), summary.objectives
        rank = {trial.number: place for place, trial in enumerate(summary.front)}
        first = trials[trials["number"].isin(rank)].sort_values("number", key=lambda n: n.map(rank))
    else:
        values, headings = ["value"], [summary.goal.metric]
        first = frames.in_order(trials, summary.goal.direction)
    first = first.head(BEST)
    columns = [_column(first[c]) for c in ("number", *values, *names, "round", "epochs")]
    return {"names": [*headings, *names], "rows": list(zip(*columns, strict=True))}


def _every_trial(trials: pd.DataFrame) -> dict[str, Any]:
    """All trials, or the first of very many, without the times of their training."""
    table = trials.drop(columns=["started", "finished", "diverged_epoch"])
    diverged = trials["diverged_epoch"].notna()
    table["state"] = trials["state"].astype(object).mask(diverged, "diverged")
    if not table["error"].notna().any():
        table = table.drop(columns="error")
    columns = [_column(table[name].head(EVERY)) for name in table]
    return {
        "names": list(table),
        "rows": list(zip(*columns, strict=True)),
        "more": len(table) > EVERY,
    }


def _column(cells: pd.Series[Any]) -> list[str]:
    """The cells of a column of a table, numbers in one notation."""
    known = [None if not isinstance(cell, list) and pd.isna(cell) else cell for cell in cells]
    if all(cell is None or type(cell) is float for cell in known):
        return column(known, 4 if str(cells.name).startswith("value") else 3)
    return ["–" if cell is None else setting(cell) for cell in known]


UNSET = {
    "rows": "all", "max_failures": "no limit", "halving": "no: every trial is trained to its end",
    "finalists": "as many as the noise calls for", "repeats": "as many as the noise calls for",
    "timeout": "no limit", "patience": "no limit",
}  # fmt: skip
"""What a field of a plan comes to if it is not set; others are left out, and what ran is in the record."""


def _plan(summary: Summary) -> dict[str, str]:
    record, rows = summary.record, dict[str, str]()
    ran = {
        "metric": record.metric,
        "direction": record.direction,
        "sampler": record.provenance.get("sampler", "chosen by hpo, and not recorded"),
    }
    for field, value in summary.plan.items():
        if field == "space":
            rows |= {f"space.{name}": _parameter(fields) for name, fields in value.items()}
        elif field == "program" and value is not None:
            rows[field] = f"{value['command']}, in {value['folder']}"
        elif field == "baseline":
            rows[field] = "; ".join(map(settings, value)) or "none"
        elif value is not None:
            rows[field] = setting(value)
        elif field in ran:
            rows[field] = f"{ran[field]} (by default)"
        elif field in UNSET:
            rows[field] = UNSET[field]
    return rows


def _parameter(fields: Mapping[str, Any]) -> str:
    words = [describe(fields), *(word for word in ("log", "int") if fields.get(word))]
    if fields.get("step") is not None:
        words.append(f"step {setting(fields['step'])}")
    if fields.get("zero"):
        words.append(f"{fields['zero']:.0%} of the draws 0")
    if fields.get("limit"):
        ends = ("open" if end is None else setting(end) for end in fields["limit"])
        words.append(f"limit {' … '.join(ends)}")
    if fields.get("extend") is False:
        words.append("not to be extended")
    return ", ".join(words) + condition(fields)
