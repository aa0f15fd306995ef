"""What is told of a study before its figures: its data, and what the best value of its search is worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from studies.analysis.summary import Summary
from studies.words import ROUNDING, counted, listed, notation, number, percent, rounded

MOST = 8  # classes that are listed


def about_data(summary: Summary) -> list[str]:
    """The data in sentences: rows, columns and classes, the sizes of the splits, what a guess scores, and the notes.
    Nothing where a study has no data, or an older hpo did not record what they are.
    """
    return list(_about(summary.data, summary)) if summary.data else []


def data_in_short(summary: Summary) -> list[str]:
    """The same in two lines, and a line for each note. Where there are references, they say what a guess scores."""
    data = summary.data
    if not data:
        return []
    count = len(data.get("classes", ())) + data.get("other_classes", 0)
    classes = f", {count} classes" if count else ""
    guess = "" if summary.references else _guess(data, summary)
    short = f"{counted(data['rows'], 'row')} of {counted(data['columns'], 'column')}{classes}"
    parts = [part for part in (short, _sizes(data), guess) if part]
    return [f"{'; '.join(parts)}.", *(f"Note: {note}" for note in data.get("notes", ()))]


def _about(data: Mapping[str, Any], summary: Summary) -> Iterator[str]:
    size = f"{counted(data['rows'], 'row')} of {counted(data['columns'], 'column')}"
    classes, target = data.get("classes"), data.get("target")
    if classes:
        others = data.get("other_classes", 0) + max(0, len(classes) - MOST)
        listed = [
            f"{name} ({percent(n / data['rows'])})" for name, n in list(classes.items())[:MOST]
        ]
        more = f" and {others} more" if others else ""
        count = len(classes) + data.get("other_classes", 0)
        yield f"{size}, in {count} classes: {', '.join(listed)}{more}."
    elif target:
        ends = ", ".join(f"{name} {number(target[name], 4)}" for name in ("least", "mean", "most"))
        yield f"{size}, and a quantity to predict: {ends}."
    else:
        yield f"{size}."
    for sentence in filter(None, (_columns(data), _sizes(data), _guess(data, summary))):
        yield f"{sentence[0].upper()}{sentence[1:]}."
    yield from (f"{note}." for note in data.get("notes", ()))


def _columns(data: Mapping[str, Any]) -> str:
    """How many columns hold what, and which are left out and why."""
    nouns = {"number": "numbers", "text": "text", "date": "dates"}
    kinds = [
        f"{counted(n, 'column')} of {nouns[kind]}" for kind, n in data.get("kinds", {}).items()
    ]
    left_out = data.get("left_out", {})
    named = listed((f"{name} ({why})" for name, why in left_out.items()), MOST)
    without = [f"left out: {named}"] if named else []
    return "; ".join([", ".join(kinds), *without] if kinds else without)


def _sizes(data: Mapping[str, Any]) -> str:
    if not (sizes := data.get("splits")):
        return ""
    training, validation, test = (f"{sizes[k]:,}" for k in ("training", "validation", "test"))
    unused = data["rows"] - sum(sizes.values())
    rest = f", and {unused:,} are not used" if unused > 0 else ""
    if folds := data.get("folds"):
        both = sizes["training"] + sizes["validation"]
        return f"{both:,} rows train and validate in {folds} folds, {test} test{rest}"
    return f"{training} rows train, {validation} validate, {test} test{rest}"


def _guess(data: Mapping[str, Any], summary: Summary) -> str:
    if (score := data.get("guess")) is None:
        return ""
    how = "the mean"
    if data.get("classes"):
        of_shares = "accuracy" not in summary.goal.metric
        how = "the shares of the classes" if of_shares else "the commonest class"
    return f"to guess {how} each time scores {summary.goal.metric} {number(score, 4)}"


def worth_of_best(summary: Summary, values: Sequence[float]) -> str:
    """What the best of these values is worth: whether it was luck, as far as training its settings again has shown."""
    best = summary.best
    if best is None or best.value is None or not summary.plan:
        return ""
    on = " on validation rows" if summary.goal.split else ""
    if len(values) == 1:
        return f"One value{on} says little about new data." if on else ""
    if len(set(values)) == 1:
        return f"All {len(values):,} values{on} in the search are {number(best.value, 4)}."
    again = next((f for f in summary.finalists if f.trial == best.number), None)
    mean = again.mean if again else None
    shown = notation([best.value, mean], [again.ci95 if again else None])
    value = rounded(best.value, shown) if again else number(best.value, 4)
    which = (
        f"The best of {len(values):,} values{on} in the search was {value}, of trial {best.number}."
    )
    if again is None:
        expect = " Expect somewhat worse on new data." if on else ""
        return f"{which} Its settings were not trained again: part of what made it the best may be luck.{expect}"
    if mean is None:
        return f"{which} When its settings were trained again, a training failed."
    worse = (best.value - mean) * (1 if summary.goal.maximize else -1)
    scored = "scored" if len(again.values) == 1 else "have a mean of"
    trained = f"{which} Trained again, its settings {scored} {rounded(mean, shown)}"
    if abs(worse) <= ROUNDING * max(abs(best.value), abs(mean)):
        return f"{trained}, which is the same."
    if worse < 0:
        return f"{trained}, which is better: the value in the search was no lucky one."
    return f"{trained}, which is worse: the best of many is partly lucky."
