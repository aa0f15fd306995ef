"""What a model must not be used for, in sentences: each follows from a fact of its card."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from hpo.card.columns import ranked
from hpo.card.facts import CardFacts
from hpo.held_out import INSIDE
from studies.words import counted, estimate, listed, number, one_of, percent

FEW_ROWS = 1000  # of a model's training
FEW_OF_A_CLASS = 30  # held-out rows
LOW_RECALL = 0.7
POORLY_INSIDE = 0.9  # share of rows in an interval that is to hold 95 %
CHANCE = 0.01  # that so few rows lie there, if 95 % of all such rows do
AT_AN_END = 0.01  # share of rows
NAMED = 3  # columns or classes


def cautions(facts: CardFacts) -> list[str]:
    """The sentences, the gravest first."""
    parts = (_worthless, _unscored, _classes, _quantities, _unlike, _few, _meaning)
    return [sentence for part in parts for sentence in part(facts)]


def _worthless(facts: CardFacts) -> Iterator[str]:
    """That a guess may be as good, by the validation rows and by the test rows."""
    confirmed, guess = facts.about["confirmed"], facts.guess
    scores = [] if confirmed is None else [(confirmed["mean"], confirmed["ci95"])]
    if facts.test is not None:
        scores.append((facts.test.value, facts.test.ci95))
    if guess is None or not scores:
        return
    worst = [(ends or (value, value))[0 if facts.maximize else 1] for value, ends in scores]
    if not any(end > guess if facts.maximize else end < guess for end in worst):
        value, ends = scores[-1]
        on = "validation" if facts.test is None else "test"
        yield (
            f"Do not use it before there is more evidence: its {facts.metric} on {on} rows is {estimate(value, ends)}, "
            f"and a guess that looks at no column scores {number(guess)}."
        )


def _unscored(facts: CardFacts) -> Iterator[str]:
    if facts.about["test_rows_are_in"]:
        yield (
            "Do not quote a score as its own: it was trained on the test rows, too, so the table has no rows left that "
            "could tell."
        )
    if len(facts.model["networks"]) > 1:
        yield (
            f"Do not take what was measured here for the {len(facts.model['networks'])} networks together: it is that "
            "of single networks with the settings of the first."
        )


def _classes(facts: CardFacts) -> Iterator[str]:
    if facts.classes is None:
        return
    known = facts.classes.classes
    low = sorted(
        (one for one in known if one.recall is not None and one.recall < LOW_RECALL),
        key=lambda one: one.recall or 0.0,
    )
    for one in low[:NAMED]:
        mistaken = ""
        if one.mistaken_for is not None:
            name, share = one.mistaken_for
            mistaken = f", and takes {percent(share)} for {name!r}"
        yield (
            f"Do not rely on it to find {one.name!r}: it recognizes {percent(one.recall or 0.0)} of the rows of that "
            f"class{mistaken}."
        )
    if len(low) > NAMED:
        yield f"Of {len(low) - NAMED} more classes it recognizes few rows: see the table of classes."
    rare = [one for one in known if one.rows < FEW_OF_A_CLASS]
    if rare:
        named = listed((f"{one.name!r} ({one.rows})" for one in rare), NAMED)
        yield (
            f"Do not trust what is said here of classes with fewer than {FEW_OF_A_CLASS} held-out rows: {named}."
        )
    if facts.classes.calibration.is_off:
        off = facts.classes.calibration.error
        yield (
            f"Do not read its probabilities as chances: they are off by {number(off, 2)} on average, which is "
            "more than chance explains."
        )
    shares = sorted(facts.class_rows.items(), key=lambda item: -item[1])
    total = sum(facts.class_rows.values())
    shown = listed((f"{name!r} {percent(rows / total)}" for name, rows in shares), NAMED)
    yield f"Do not use its probabilities where classes are not about as common as here: {shown}."


def _quantities(facts: CardFacts) -> Iterator[str]:
    from scipy.stats import binom

    known = facts.quantities
    if known is None:
        return
    for one in known.ranges:
        held = round(one.inside * one.answers)
        if one.inside < POORLY_INSIDE and binom.cdf(held, one.answers, INSIDE) < CHANCE:
            yield (
                f"Do not rely on its interval where it estimates {number(one.low)} to {number(one.high)}: there the "
                f"interval holds {percent(one.inside)} of the rows, not 95 %."
            )
    for share, value, end, beyond in (
        (known.at_most, known.most, "greatest", "above"),
        (known.at_least, known.least, "least", "below"),
    ):
        if AT_AN_END <= share < 0.5:
            yield (
                f"Do not use it for what may lie {beyond} {number(value, 6)}: {percent(share)} of the rows have "
                f"exactly this {end} value, so the table may have been cut off there."
            )


def _unlike(facts: CardFacts) -> Iterator[str]:
    """Rows unlike those of the table."""
    if not facts.columns:
        yield "Do not use it for images of another origin, size or brightness than those it was trained on."
        return
    order = {name: place for place, (name, *_) in enumerate(ranked(facts.importance))}
    columns = sorted(facts.columns, key=lambda column: order.get(column.name, len(order)))
    spans = [
        f"{column.name!r} from {number(column.span[0], 4)} to {number(column.span[1], 4)}"
        for column in columns
        if column.span is not None and column.different > 2
    ]
    if spans:
        whole = "" if len(spans) <= NAMED else "; the table of columns has all"
        yield (
            f"Do not use it for rows outside of what it was trained on: {', '.join(spans[:NAMED])}{whole}. It answers "
            "for them all the same."
        )
    texts = [column for column in columns if column.kind == "text"]
    if texts:
        named = listed((f"{column.name!r} ({column.different})" for column in texts), NAMED)
        yield (
            f"Do not use it for categories other than those it was trained on, of {named}: it answers, but has learned "
            "nothing of them. hpo predict says which these are."
        )


def _few(facts: CardFacts) -> Iterator[str]:
    rows = facts.about["rows"]
    if rows < FEW_ROWS:
        interval = ""
        if facts.test is not None and facts.test.ci95 is not None:
            interval = f": by the test rows, its {facts.metric} is {estimate(facts.test.value, facts.test.ci95)}"
        yield (
            f"Do not rest fine distinctions on it: it was trained on {counted(rows, 'row')}, and fewer say how good it "
            f"is{interval}."
        )


def _meaning(facts: CardFacts) -> Iterator[str]:
    """What no score tells."""
    target, source = facts.target, facts.about["source"]
    first = ranked(facts.importance)[:1]
    even = f", even of {first[0][0]!r}," if first else ""
    yield (
        f"Do not use it to decide what to change: it has learned what goes with {target}, not what causes it. A change "
        f"of a column{even} need not change {target}."
    )
    yield (
        f"Do not go on using it unchecked: if what goes with {target} changes after {source} was gathered, its scores "
        "no longer hold, and it does not notice."
    )
    if not facts.columns:  # images
        return
    groups = _groups(facts)
    such = f", such as those of {one_of(map(repr, groups))}" if groups else ""
    yield (
        f"If rows are people: nothing here compares how well it does for groups of them{such}, and a decision about "
        "somebody needs more than its answer."
    )


PEOPLE = {
    "age", "sex", "gender", "race", "ethnicity", "religion", "nationality", "native country", "disability",
    "marital status", "date of birth",
}  # fmt: skip


def _groups(facts: CardFacts) -> Sequence[str]:
    """Columns whose names are of what people must often not be judged by."""
    names = [column.name for column in facts.columns]
    spoken = [re.sub(r"[\s_.-]+", " ", name).strip().lower() for name in names]
    return [name for name, words in zip(names, spoken, strict=True) if words in PEOPLE][:NAMED]
