"""What a notebook shows of a study and of its parts: a small table, every word of it escaped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from studies.words import number, of_range, setting, settings

if TYPE_CHECKING:
    from studies.analysis.finalists import Finalist
    from studies.database.records import Trial
    from studies.study import Snapshot

TABLE = """\
<table>
<caption style="text-align: left; font-weight: bold; white-space: nowrap">{{ title }}</caption>
<tbody>
{% for name, value in facts.items() %}
<tr><th style="text-align: left">{{ name }}</th><td style="text-align: left">{{ value }}</td></tr>
{% endfor %}
</tbody>
</table>
"""


def table(title: str, facts: Mapping[str, Any]) -> str:
    """A title and what is known under it, as HTML."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True)
    return environment.from_string(TABLE).render(
        title=title, facts={n: "–" if v is None else setting(v) for n, v in facts.items()}
    )


def of_study(name: str, rows: Snapshot, storage: str) -> str:
    """How a study stands, what is recommended or best, and the ranges that are left."""
    said = rows.summary(storage)
    trials = ", ".join(f"{count:,} {state}" for state, count in said["trials"].items() if count)
    facts: dict[str, Any] = {"metric": said["metric"], "trials": trials or "none yet"}
    chosen = said["recommended"] or said["best"]
    if said["best"] is not None:
        facts["best"] = f"{number(said['best']['value'], 4)} (trial {said['best']['trial']})"
    if said["recommended"] is not None:
        first = said["recommended"]
        ends = " … ".join(number(end, 4) for end in first["ci95"] or ())
        facts["confirmed"] = (
            f"{number(first['mean'], 4)} (trial {first['trial']}){ends and f', {ends}'}"
        )
    if said["test"] is not None:
        facts["test rows"] = number(said["test"]["value"], 4)
    if chosen is not None:
        facts["settings"] = settings(chosen["params"])
    for parameter, fields in said["ranges"].items():
        facts[f"range of {parameter}"] = of_range(
            fields.get("choices"),
            fields.get("low", 0),
            fields.get("high", 0),
            log=fields.get("log", False),
        )
    return table(f"{name} · {said['state']}", facts)


def of_trial(trial: Trial) -> str:
    """A trial: its state, value and settings."""
    value = number(trial.value, 4) if trial.value is not None else None
    several = ["–" if v is None else number(v) for v in trial.values or ()]
    result = {"values": several} if several else {"value": value}
    params = {name: setting(value) for name, value in trial.params.items()}
    facts = {"state": trial.state, **result, **params}
    if trial.finished is not None:
        facts["finished"] = f"{trial.finished:%Y-%m-%d %H:%M} UTC"
    return table(f"trial {trial.number}", facts)


def of_finalist(finalist: Finalist) -> str:
    """A setting that was trained again: what that gave."""
    mean = None if finalist.mean is None else number(finalist.mean, 4)
    ends = " … ".join(number(end, 4) for end in finalist.ci95 or ())
    facts = {
        "mean": mean,
        "95 % interval": ends or None,
        "trained again": f"{len(finalist.values)} times",
        "tied": "yes" if finalist.tied else "no",
    }
    return table(f"settings of trial {finalist.trial}", facts)
