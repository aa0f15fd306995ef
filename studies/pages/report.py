"""A study -> one HTML page that needs nothing else: no script, no network, no file beside it.

The page says in words what came out, then shows the evidence. It is a function of the study alone, to the last byte:
nothing in it depends on when or where it was made. Jinja2 escapes every word; figures are drawn as paths, so no text of
the study reaches the page through them.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import jinja2
import pandas as pd

from studies.analysis import frames
from studies.analysis.advice import Advice, advice
from studies.analysis.agreement import compared_scores, rank_agreement
from studies.analysis.baselines import sentences
from studies.analysis.generalization import generalization
from studies.analysis.summary import Summary
from studies.pages.drawings import Sections
from studies.pages.snippet import snippet
from studies.words import (
    between,
    counted,
    describe,
    notation,
    number,
    of_range,
    rounded,
    setting,
    settings,
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
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("studies.pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"setting": setting, "cell": _cell, "value": _value}
    environment.globals |= {"rounded": rounded, "between": between}
    finished = trials["finished"].max()
    record, opening = summary.record, summary.opening
    intervals = [f.ci95 for f in summary.finalists]
    trial, params = summary.chosen or (None, {})
    versions = record.provenance.get("versions", {})
    task = record.provenance.get("data", {}).get("task")
    own = summary.plan.get("trials", 0) - record.adopted
    return environment.get_template("report.html.j2").render(
        summary=summary,
        record=record,
        counted=counted,
        by_optuna=not summary.plan,
        best_again=next(
            (f for f in summary.finalists if summary.best and f.trial == summary.best.number), None
        ),
        baselines=sentences(summary.baselines, summary.goal) if summary.chosen else [],
        shown=notation((f.mean for f in summary.finalists), intervals),
        searched_shown=notation((summary.searched[f.trial] for f in summary.finalists), intervals),
        test_shown=notation([summary.test], [opening.ci95 if opening else None]),
        total=len(trials),
        scored=int((frames.scored(trials) & (trials["state"] == "complete")).sum()),
        in_training=int((trials["state"] == "running").sum()),
        diverged=int(trials["diverged_epoch"].notna().sum()),
        advice=_advice(summary, trials, epochs, rounds),
        snippet=None if trial is None else snippet(summary.plan, params, task=task),
        reproduce="" if trial is None else _command(summary, "reproduce", str(trial)),
        figures=Sections(summary, trials, epochs, rounds, finalists).drawings(),
        ranges=_ranges(rounds),
        best=_best_trials(summary, trials, rounds),
        every=_every_trial(trials),
        plan=_plan(summary.plan),
        versions=", ".join(f"{name} {version}" for name, version in versions.items()),
        finished="" if pd.isna(finished) else f"{finished:%Y-%m-%d %H:%M} UTC",
        resume=_command(summary, "resume")
        + (
            f" --trials {2 * own or record.adopted}"
            if summary.plan and record.state == "complete"
            else ""
        ),
    )


def _advice(
    summary: Summary, trials: pd.DataFrame, epochs: pd.DataFrame, rounds: pd.DataFrame
) -> list[Advice]:
    if summary.record.several:
        return []
    learned = generalization(trials, epochs, goal=summary.goal)
    agreements = rank_agreement(compared_scores(trials, epochs, summary.goal.metric))
    return advice(summary, trials, rounds, learned, agreements)


def _command(summary: Summary, action: str, *arguments: str) -> str:
    """What to type to resume the study or to reproduce a trial; nothing for a study of plain Optuna."""
    if not summary.plan:
        return ""
    words = ["hpo", action, summary.record.name, *arguments, "--storage", summary.storage]
    return shlex.join(words)


# Tables


def _ranges(rounds: pd.DataFrame) -> list[dict[str, Any]]:
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
        groups.append({"parameter": name, "rows": rows})
    return groups


def _best_trials(summary: Summary, trials: pd.DataFrame, rounds: pd.DataFrame) -> dict[str, Any]:
    known = rounds["parameter"] if len(rounds) else frames.parameters(trials)
    names = [name for name in dict.fromkeys(known) if name in trials]
    if summary.record.several:
        values = headings = [str(name) for name in trials if str(name).startswith("values_")]
        first = trials[trials["number"].isin(summary.front)].head(BEST)
    else:
        values, headings = ["value"], [summary.goal.metric]
        first = frames.in_order(trials, summary.goal.direction).head(BEST)
    columns = [first[c].tolist() for c in ("number", *values, *names, "round", "epochs")]
    return {"values": headings, "names": names, "rows": list(zip(*columns, strict=True))}


def _every_trial(trials: pd.DataFrame) -> dict[str, Any]:
    """All trials, or the first of very many, without the times of their training."""
    table = trials.drop(columns=["started", "finished", "diverged_epoch"])
    diverged = trials["diverged_epoch"].notna()
    table["state"] = trials["state"].astype(object).mask(diverged, "diverged")
    columns = [table[name].head(EVERY).tolist() for name in table]
    return {
        "names": list(table),
        "rows": list(zip(*columns, strict=True)),
        "more": len(table) > EVERY,
    }


def _plan(plan: Mapping[str, Any]) -> dict[str, str]:
    rows: dict[str, str] = {}
    for field, value in plan.items():
        if field == "space":
            rows |= {f"space.{name}": _parameter(fields) for name, fields in value.items()}
        elif field == "baseline":
            rows[field] = "; ".join(map(settings, value)) or "none"
        else:
            rows[field] = "not set" if value is None else setting(value)
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
    return ", ".join(words)


def _value(value: Any) -> str:
    return "–" if pd.isna(value) else number(value, 4)


def _cell(value: Any) -> str:
    return "–" if pd.isna(value) else setting(value)
