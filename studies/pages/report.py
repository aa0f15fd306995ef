"""A study -> one HTML page that needs nothing else: no script, no network, no file beside it.

The page says what was found in words, then shows on what evidence. It is a function of the study alone, to the last
byte: nothing in it depends on when or where it was made. Jinja2 escapes every word; figures are drawn as paths, so
that no text of the study's reaches the page through them.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import jinja2
import pandas as pd

from studies.analysis import frames
from studies.analysis.advice import Advice, advice
from studies.analysis.agreement import agreements
from studies.analysis.generalization import generalization
from studies.pages.drawings import measured_on, sections
from studies.pages.snippet import snippet
from studies.words import number, of_range, setting

BEST = 20  # trials in their table
MOST = 2000  # in that of all: more make the page slow


def render(
    summary: Mapping[str, Any],
    trials: pd.DataFrame,
    epochs: pd.DataFrame,
    rounds: pd.DataFrame,
    finalists: pd.DataFrame,
) -> str:
    """The page, from `Study.summary` with "plan" and "versions", and from the study's frames."""
    scored = trials[frames.scored(trials) & (trials["state"] == "complete")]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("studies.pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"setting": setting, "cell": _cell, "value": _value}
    finished = trials["finished"].max()
    again = _again(summary, trials)
    of_best = [row for row in again if summary["best"] and row["trial"] == summary["best"]["trial"]]
    rows = measured_on(summary)
    chosen = summary["recommended"] or summary["best"]
    return environment.get_template("report.html.j2").render(
        said=summary,
        measured=f"{rows} {summary['metric']}".strip(),
        rows=rows,
        by_optuna=not summary["plan"],
        adopted=summary.get("adopted", 0),
        front=summary.get("front"),
        again=again,
        best_again=_value(of_best[0]["mean"]) if of_best and of_best[0]["mean"] is not None else "",
        ties=sum(row["tied"] for row in again),
        stopped=summary.get("stopped"),
        note=summary.get("note"),
        tested=summary.get("tested"),
        total=len(trials),
        scored=len(scored),
        in_training=int((trials["state"] == "running").sum()),
        diverged=int(trials["diverged_epoch"].notna().sum()),
        higher=summary["direction"] == "maximize",
        advice=_advice(summary, trials, epochs, rounds),
        snippet=chosen and snippet(summary["plan"], chosen["params"], task=summary["task"]),
        reproduce=_reproduce(summary, chosen),
        figures=sections(summary, trials, epochs, rounds, finalists),
        ranges=_ranges(rounds),
        best=_best_trials(summary, trials, rounds),
        every=_every_trial(trials),
        plan=_plan(summary["plan"]),
        versions=", ".join(f"{name} {v}" for name, v in summary["versions"].items()),
        finished="" if pd.isna(finished) else f"{finished:%Y-%m-%d %H:%M} UTC",
        command=_command(summary),
    )


def _advice(
    summary: Mapping[str, Any], trials: pd.DataFrame, epochs: pd.DataFrame, rounds: pd.DataFrame
) -> list[Advice]:
    if "front" in summary:
        return []
    learned = generalization(
        trials, epochs, metric=summary["metric"], direction=summary["direction"]
    )
    predicted = agreements(trials, epochs, summary["metric"])
    return advice(summary, trials, rounds, summary["errors"], learned, predicted)


# Tables


def _ranges(rounds: pd.DataFrame) -> list[dict[str, Any]]:
    """For each parameter its rows: the round, what it drew from, the verdict and the rest of the sentence."""
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
            left = of_range(row["next_choices"], row["next_low"], row["next_high"]) + scale
            rows.append({"round": "next", "range": left, "action": "", "reason": ""})
        groups.append({"parameter": name, "rows": rows})
    return groups


def _best_trials(
    summary: Mapping[str, Any], trials: pd.DataFrame, rounds: pd.DataFrame
) -> dict[str, Any]:
    known = rounds["parameter"] if len(rounds) else frames.parameters(trials)
    names = [name for name in dict.fromkeys(known) if name in trials]
    if "front" in summary:
        values = [str(name) for name in trials if str(name).startswith("values_")]
        first = trials[trials["number"].isin(summary["front"])].head(BEST)
    else:
        values = ["value"]
        first = frames.in_order(trials, summary["direction"]).head(BEST)
    columns = [first[c].tolist() for c in ("number", *values, *names, "round", "epochs")]
    valued = values if "front" in summary else [summary["metric"]]
    return {"values": valued, "names": names, "rows": list(zip(*columns, strict=True))}


def _every_trial(trials: pd.DataFrame) -> dict[str, Any]:
    """All trials, or the first of very many, without when they were trained."""
    table = trials.drop(columns=["started", "finished", "diverged_epoch"])
    diverged = trials["diverged_epoch"].notna()
    table["state"] = trials["state"].astype(object).mask(diverged, "diverged")
    columns = [table[name].head(MOST).tolist() for name in table]
    return {
        "names": list(table),
        "rows": list(zip(*columns, strict=True)),
        "left": len(table) - MOST,
    }


def _again(summary: Mapping[str, Any], trials: pd.DataFrame) -> list[dict[str, Any]]:
    """The finalists, best first."""
    searched = dict(zip(trials["number"], trials["value"], strict=True))
    return [
        {
            "trial": f["trial"],
            "searched": searched[f["trial"]],
            "repeats": len(f["values"]),
            "mean": f["mean"],
            "interval": [_value(end) for end in f["ci95"] or ()],
            "tied": f["tied"],
        }
        for f in summary["finalists"]
    ]


def _plan(plan: Mapping[str, Any]) -> dict[str, str]:
    rows: dict[str, str] = {}
    for field, given in plan.items():
        if field == "space":
            for name, fields in given.items():
                words = [word for word in ("log", "int") if fields.get(word)]
                if fields.get("step") is not None:
                    words.append(f"step {setting(fields['step'])}")
                if fields.get("zero"):
                    words.append(f"{fields['zero']:.0%} of the draws 0")
                if fields.get("limit"):
                    ends = ("open" if end is None else setting(end) for end in fields["limit"])
                    words.append(f"limit {' … '.join(ends)}")
                if fields.get("extend") is False:
                    words.append("not to be extended")
                what = of_range(fields.get("choices"), fields.get("low", 0), fields.get("high", 0))
                rows[f"space.{name}"] = ", ".join([what, *words])
        else:
            rows[field] = "not set" if given is None else setting(given)
    return rows


def _command(summary: Mapping[str, Any]) -> str:
    """What to type to go on; nothing for a study that has no plan of ours."""
    if not summary["plan"]:
        return ""
    more = f" --trials {2 * summary['plan']['trials']}" if summary["state"] == "complete" else ""
    name, storage = shlex.quote(summary["study"]), shlex.quote(summary["storage"])
    return f"hpo resume {name} --storage {storage}{more}"


def _reproduce(summary: Mapping[str, Any], chosen: Mapping[str, Any] | None) -> str:
    """What to type to train the chosen settings once more; nothing for a study that has no plan of ours."""
    if not summary["plan"] or chosen is None:
        return ""
    name, storage = shlex.quote(summary["study"]), shlex.quote(summary["storage"])
    return f"hpo reproduce {name} {chosen['trial']} --storage {storage}"


def _value(value: float) -> str:
    return number(value, 4)


def _cell(value: Any) -> str:
    return "–" if value is None or pd.isna(value) else setting(value)
