"""What a notebook shows of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studies.html import table
from studies.words import number, of_range, settings

if TYPE_CHECKING:
    from studies.study import Snapshot


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
