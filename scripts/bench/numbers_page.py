"""Writes docs/numbers.md from the figures of each benchmark's last run.

.venv/bin/python -m scripts.bench.numbers_page
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from scripts.bench import figures
from scripts.bench.benchmarks import BENCHMARKS
from scripts.bench.figures import Figure, Section

PAGE = Path(__file__).parents[2] / "docs/numbers.md"
HEAD = """\
# Numbers

<!-- Written by scripts/bench/numbers_page.py from scripts/bench/results; don't edit it. -->

The last run of every benchmark. A ratio was measured side by side in one run, because times drift from machine to
machine and from hour to hour, and a ratio much less. Beside it stand its range (the lowest and the highest of the pairs
of a run, or a 95 % interval), what was promised, and **missed** where it is missed. Where a person took the
figures from earlier notes, the line below a table says so.

`scripts/bench/all` measures everything again and writes this page. How the figures came about, and what was tried and
left out, is in [the results](../scripts/bench/RESULTS.md).
"""
TABLE = "| | ours | the peer | ratio | promised | |\n|---|---|---|---|---|---|\n"


def page() -> str:
    """The whole page, from the results that are kept."""
    results = {name: [*figures.read(name)] for name in BENCHMARKS}
    parts = [HEAD, *_missed(results)]
    for name, benchmark in BENCHMARKS.items():
        parts.append(f"## {benchmark.title}\n\n`python -m scripts.bench.{name}`\n")
        if results[name]:
            rows = (_row(f) for section in results[name] for f in section.figures)
            parts.append(TABLE + "".join(rows))
            parts.extend(_runs(results[name]))
        else:
            parts.append("Not measured yet.\n")
    return "\n".join(parts)


def _missed(results: Mapping[str, Sequence[Section]]) -> Iterator[str]:
    """How many promises are missed, and which."""
    judged = [
        (name, figure)
        for name, sections in results.items()
        for section in sections
        for figure in section.figures
        if figure.missed is not None
    ]
    missed = [(name, figure) for name, figure in judged if figure.missed]
    yield f"Of {len(judged)} promises {len(missed)} are missed{':' if missed else '.'}\n"
    if missed:
        yield "".join(
            f"- {BENCHMARKS[name].title}: {_named(figure)}, {_judged(figure)} (promised {_promise(figure)})\n"
            for name, figure in missed
        )


def _row(figure: Figure) -> str:
    ours = _amount(figure.ours, figure.unit)
    theirs = ": ".join(part for part in (figure.peer, _amount(figure.theirs, figure.unit)) if part)
    ratio = _judged(figure) + _range(figure) if figure.ratio is not None else ""
    if figure.ratio is None:
        ours += _range(figure)
    verdict = {None: "", False: "met", True: "**missed**"}[figure.missed]
    return f"| {figure.what} | {ours} | {theirs} | {ratio} | {_promise(figure)} | {verdict} |\n"


def _named(figure: Figure) -> str:
    return f"{figure.what}, beside {figure.peer}" if figure.ratio is not None else figure.what


def _judged(figure: Figure) -> str:
    return _amount(figure.judged, _unit(figure))


def _promise(figure: Figure) -> str:
    if figure.least is not None:
        return f"at least {_amount(figure.least, _unit(figure))}"
    if figure.most is not None:
        return f"at most {_amount(figure.most, _unit(figure))}"
    return ""


def _range(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f" ({_number(figure.low)} … {_number(figure.high)})"


def _unit(figure: Figure) -> str:
    return figure.unit if figure.ratio is None else "×"


def _amount(value: float | None, unit: str) -> str:
    return "" if value is None else f"{_number(value)} {unit}".rstrip()


def _number(value: float) -> str:
    """Three digits that mean something, and all of those before the point."""
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return text.replace("-", "−")


def _runs(sections: Sequence[Section]) -> Iterator[str]:
    """When, where and with what, once for all sections that have it in common."""
    of_run: dict[str, list[str]] = {}
    for section in sections:
        of_run.setdefault(_run(section), []).append(section.name)
    for run, names in of_run.items():
        which = f"{', '.join(names)}: " if len(of_run) > 1 else ""
        yield f"{which}{run}\n"


def _run(section: Section) -> str:
    machine = section.machine
    python = machine.get("python")
    libraries = [f"{name} {number}" for name, number in section.versions.items()]
    parts = [
        section.date,
        f"`{section.command}`" if section.command else "",
        f"{machine['cores']} cores of {machine['processor'] or 'an unknown processor'}"
        + (f", {machine['memory']} GiB" if machine.get("memory") else "")
        if machine
        else "machine and versions were not written down",
        machine.get("system", ""),
        ", ".join([f"Python {python}", *libraries] if python else libraries),
        "" if section.busy is None else f"load {section.busy:g} before it began",
        f"entered {section.entered}" if section.entered else "",
    ]
    return "; ".join(part for part in parts if part) + "."


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
