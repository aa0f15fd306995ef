"""The evidence of a model card: what was measured on held-out rows, in sentences, figures and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from hpo.card.classes import Calibration, ClassFacts
from hpo.card.columns import REPEATS, ranked
from hpo.card.facts import CardFacts
from hpo.card.quantities import QUANTILES, QuantityFacts
from studies.pages.document import Block, Section, Table
from studies.pages.pictures import Picture
from studies.words import column, counted, notation, number, percent, rounded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MATRIX = 20  # classes that a confusion matrix has at most
WITH_SHARES = 6  # classes that have room for shares in its cells
MISTAKES = 15  # that stand in its place
CLASSES = 60
IMPORTANCES = 40


def evidence(facts: CardFacts) -> Iterator[Section]:
    """The sections that show what was measured."""
    if facts.classes is not None:
        first = [_measured(facts), *_confusion(facts.classes)]
        yield Section("Which classes it tells apart", first)
        of_probabilities = [*_calibration(facts.classes.calibration, facts)]
        yield Section("Whether its probabilities can be believed", of_probabilities)
    if facts.quantities is not None:
        blocks = [_measured(facts), *_quantities(facts.quantities, facts)]
        yield Section("How far it is off", blocks)
    yield Section("Which columns matter to it", [*_importance(facts)])


def _measured(facts: CardFacts) -> str:
    one, rows = facts.measured, facts.about["rows"]
    if one.networks == 1:
        how = (
            f"a network with these settings, trained on {counted(one.trained_on, 'row')}, answered for "
            f"{one.rows:,} others"
        )
    else:
        how = (
            f"{one.networks} networks with these settings, each trained on {counted(one.trained_on, 'row')}, gave "
            f"{one.answers:,} answers for {counted(one.rows, 'row')} that they were not trained on"
        )
    chosen = (
        ""
        if one.confirmed
        else " The settings were chosen by these very rows, so this is likely too good."
    )
    weights = " Here every row counts alike, whatever its weight." if one.weighted else ""
    return (
        f"This is measured on held-out rows, which are validation rows: {how}. The model itself was trained on "
        f"{rows:,}.{chosen}{weights}"
    )


def _drawn(name: str, *arguments: Any) -> Callable[[], Figure]:
    """A figure that is drawn when it is needed: matplotlib takes its time to import."""

    def draw() -> Figure:
        from hpo.card import figures

        figure: Figure = getattr(figures, name)(*arguments)
        return figure

    return draw


def _confusion(facts: ClassFacts) -> Iterator[Block]:
    names = [one.name for one in facts.classes]
    if len(names) <= MATRIX:
        yield Picture(
            "confusion",
            _drawn("confusion", facts),
            "How many held-out rows of each class were answered with each class",
            "Each row of the figure is a true class, each column an answer; the darker, the larger the share of the "
            "true class. On the diagonal the answers are right.",
        )
        yield _matrix(facts)
    else:
        yield _mistakes(facts)
    rows = []
    for one in facts.classes[:CLASSES]:
        mistaken = "–"
        if one.mistaken_for is not None:
            mistaken = f"{one.mistaken_for[0]} ({percent(one.mistaken_for[1])})"
        rows.append(
            [one.name, f"{one.rows:,}", _share(one.recall), _share(one.precision), mistaken]
        )
    headings = ["class", "held-out rows", "recall", "precision", "most often mistaken for"]
    yield Table(
        "Recall and precision of each class", headings, rows, (False, True, True, True, False)
    )
    if len(names) > CLASSES:
        yield f"{len(names) - CLASSES} more classes are not listed."
    yield (
        "Recall is the share of a class's rows that are answered with it; precision is the share of the answers with a "
        "class that are right."
    )


def _share(share: float | None) -> str:
    return "–" if share is None else percent(share)


def _matrix(facts: ClassFacts) -> Table:
    rows = []
    for one, counts in zip(facts.classes, facts.confusion, strict=True):
        cells = [f"{count:,}" for count in counts]
        if len(facts.classes) <= WITH_SHARES:
            cells = [
                f"{count:,} ({percent(count / counts.sum())})" if count else "0" for count in counts
            ]
        rows.append([one.name, *cells])
    names = [one.name for one in facts.classes]
    shares = " and as shares of the true class" if len(names) <= WITH_SHARES else ""
    caption = f"Answers for each true class, counted{shares}"
    right = (False, *(True for _ in names))
    return Table(
        caption, ["true class", *(f"answered {n}" for n in names)], rows, right, folded=True
    )


def _mistakes(facts: ClassFacts) -> Table:
    """The commonest mistakes, where there are too many classes for a matrix."""
    wrong = facts.confusion * (1 - np.eye(len(facts.confusion), dtype=int))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MISTAKES]
    rows = []
    for true, answered in zip(*np.unravel_index(order, wrong.shape), strict=True):
        if count := wrong[true, answered]:
            share = percent(count / facts.confusion[true].sum())
            rows.append(
                [facts.classes[true].name, facts.classes[answered].name, f"{count:,}", share]
            )
    headings = ["true class", "answered", "answers", "share of the true class"]
    return Table("The commonest mistakes", headings, rows, (False, False, True, True))


def _calibration(one: Calibration, facts: CardFacts) -> Iterator[Block]:
    low, high = (number(end, 2) for end in one.by_chance)
    yield (
        f"The class that it answers has a probability of {number(one.probability)} on average, and "
        f"{number(one.right)} of the answers are right. "
        f"Bin by bin, the two are {number(one.error, 2)} apart on average (the expected calibration error, by "
        f"{facts.measured.answers:,} answers for {counted(facts.measured.rows, 'row')} in "
        f"{counted(len(one.bins), 'bin')}). "
        f"If every probability were exactly right, chance alone would make it {low} to {high}: {_verdict(one)}."
    )
    yield Picture(
        "calibration",
        _drawn("calibration", one),
        "The share of answers that are right, by the probability that they were given with",
        "Each mark is a bin of answers of about the same probability. Below the diagonal the network is too sure of "
        "itself, above it not sure enough.",
    )
    means = column([b.probability for b in one.bins], 3)
    rights = column([b.right for b in one.bins], 3)
    rows = [
        [f"{k + 1}", f"{b.answers:,}", mean, right]
        for k, (b, mean, right) in enumerate(zip(one.bins, means, rights, strict=True))
    ]
    headings = ["bin", "answers", "mean probability", "share that are right"]
    yield Table("The calibration curve", headings, rows, (False, True, True, True), folded=True)


def _verdict(one: Calibration) -> str:
    if not one.is_off:
        return "so these rows do not show that its probabilities are off"
    too_high = [b.right < b.probability for b in one.bins]
    half = len(too_high) // 2
    lower, upper = np.mean(too_high[:half] or too_high) > 0.5, np.mean(too_high[half:]) > 0.5
    if lower != upper:
        ways = ("low", "high") if upper else ("high", "low")
        return "so its low probabilities are too {} and its high ones too {}".format(*ways)
    return f"so its probabilities are too {'high' if upper else 'low'}"


def _quantities(one: QuantityFacts, facts: CardFacts) -> Iterator[Block]:
    half, most = np.quantile(np.abs(one.residuals), [0.5, 0.95])
    margin = facts.model["margin"]
    yield (
        f"Half of the estimates are off by less than {number(half)}, and 95 % by less than {number(most)}. The mean of "
        f"what remains, true less estimated, is {number(one.mean)}; its mean size is {number(one.error)}."
    )
    yield (
        f"The interval of ± {number(margin)} comes from these rows. To try it, its width was taken from four fifths of "
        f"them and used on the others, five times: it held {percent(one.inside)} of the answers. It is as wide for "
        "every row."
    )
    yield Picture(
        "residuals",
        _drawn("residuals", one, margin, facts.target),
        "What remains of each estimate: the true quantity less the estimate, by the estimate",
        "Above 0 the quantity is larger than estimated. Dark bars are quantiles in ranges of estimates with as many "
        "answers each; between the dashed lines lies the interval. At the right, how many answers remain so far off.",
    )
    rows = []
    for r in one.ranges:
        quantiles = column(r.quantiles, 2)
        span = f"{number(r.low)} … {number(r.high)}"
        rows.append([span, f"{r.answers:,}", *quantiles, percent(r.inside)])
    levels = [f"{100 * level:.0f} %" for level in QUANTILES]
    levels[len(levels) // 2] = "median"
    headings = ["estimates", "answers", *levels, "in the interval"]
    yield Table(
        "What remains, by ranges of estimates",
        headings,
        rows,
        (False, *(True,) * (len(headings) - 1)),
    )


def _importance(facts: CardFacts) -> Iterator[Block]:
    one = facts.importance
    if one.worse is None:
        yield one.why_not
        return
    shown = ranked(one)
    rows = counted(one.rows, "held-out row")
    some = f"{rows} of {one.of_rows:,}" if one.rows < one.of_rows else rows
    networks = "a network" if one.networks == 1 else f"each of {one.networks} networks"
    of_them = f", of {facts.measured.networks}," if one.networks < facts.measured.networks else ""
    yield (
        f"How much worse {facts.metric} becomes when the values of one column are shuffled among rows, so that they no "
        f"longer tell anything of {facts.target}: mean and standard deviation of {one.worse.shape[1]} permutations, "
        f"{REPEATS} for {networks}{of_them} on {some}."
    )
    together = "".join(
        f"{'; ' if k else ' Here such columns are: '}{a!r} and {b!r} (rank correlation {c:.2f})"
        for k, (a, b, c) in enumerate(one.alike)
    )
    yield (
        "Of columns that tell much the same, each seems to matter little, since the others still tell it."
        f"{together}{'.' if together else ''}"
    )
    yield Picture(
        "importance",
        _drawn("importances", one, facts.metric),
        f"How much worse {facts.metric} becomes without each column",
        "Bars are means, and lines reach one standard deviation to both sides. Where a line reaches 0, the column may "
        "not matter at all.",
    )
    digits = notation([shown[0][1]])
    digits = digits._replace(decimals=digits.decimals - 1)
    table = [
        [name, rounded(mean, digits), rounded(spread, digits)]
        for name, mean, spread in shown[:IMPORTANCES]
    ]
    worse = f"{facts.metric} worse by"
    headings = ["column", worse, "standard deviation"]
    yield Table("The importance of columns", headings, table, (False, True, True), folded=True)
    if len(shown) > IMPORTANCES:
        yield f"{len(shown) - IMPORTANCES} columns that matter less are not listed."
