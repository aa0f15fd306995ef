"""What a notebook shows of a study: a small table."""

from __future__ import annotations

from studies.analysis.summary import Summary
from studies.html import table
from studies.words import condition, describe, estimate, number, settings


def of_study(summary: Summary) -> str:
    """The state of a study, what is best or recommended, and the ranges that its last verdicts lead to."""
    counts = [f"{count:,} {state}" for state, count in summary.ended.items() if count]
    facts: dict[str, str | None] = {
        "metric": summary.goal.metric,
        "trials": ", ".join(counts) or "none yet",
    }
    best, first = summary.best, summary.recommended
    if best is not None:
        facts["best"] = f"{number(best.value, 4)} (trial {best.number})"
    if first is not None:
        facts["confirmed"] = f"{estimate(first.mean, first.ci95)} (trial {first.trial})"
    if summary.opening is not None and summary.opening.value is not None:
        facts["test rows"] = estimate(summary.opening.value, summary.opening.ci95)
    if summary.chosen is not None:
        facts["settings"] = settings(summary.chosen[1])
    for name, fields in summary.ranges.items():
        facts[f"range of {name}"] = (
            describe(fields) + (", log" if fields.get("log") else "") + condition(fields)
        )
    return table(f"{summary.record.name} · {summary.record.state}", facts)
