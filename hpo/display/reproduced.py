"""Shows whether a trial that was trained again gave the same values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from hpo.run.reproducing import Reproduced


def reproduced(result: Reproduced) -> list[Text]:
    """Lines with the first difference, or that there is none, and with differences of the machine."""
    trial = f"trial {result.trial}: "
    parts = []
    if result.identical:
        text = Text.assemble(trial, ("identical to the last bit", "bold green"))
        if result.metrics:
            text.append(f" ({result.epochs} epochs of {', '.join(result.metrics)})")
        parts.append(text)
    if (first := result.difference) is not None:
        then, now = ("no value" if v is None else repr(v) for v in (first.then, first.now))
        values = f"epoch {first.epoch}: {first.metric} {then} then, {now} now"
        parts.append(Text.assemble(trial, ("first differs after ", "bold red"), values))
    if result.ends is not None:
        parts.append(Text(f"{trial}{result.ends[0]} then, {result.ends[1]} now"))
    if result.environment:
        parts.append(Text("different here:"))
        parts += [Text(f"  {difference}") for difference in result.environment]
    elif not result.identical:
        parts.append(Text("versions, machine and BLAS are the same as then"))
    return parts
