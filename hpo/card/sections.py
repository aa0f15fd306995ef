"""A model card as a document: the facts in sentences, tables and figures, whatever it is written as."""

from __future__ import annotations

from collections.abc import Iterator

from hpo.card.cautions import cautions
from hpo.card.evidence import evidence
from hpo.card.facts import CardFacts
from studies.pages.document import Block, Document, Facts, Points, Section, Table
from studies.words import (
    between,
    counted,
    listed,
    notation,
    number,
    percent,
    rounded,
    setting,
    uncertain,
)

SHOWN = 12  # classes or columns that a sentence names
COLUMNS = 60  # in the table of columns


def document(facts: CardFacts) -> Document:
    """The card."""
    study = facts.about["study"]
    sections = [
        Section("What it is", [*_what(facts)]),
        Section("How good it is", [*_scores(facts)]),
        Section("What not to use it for", [Points(cautions(facts))]),
        *evidence(facts),
        Section("The columns", [*_columns(facts)]),
        Section("How it was made", [*_made(facts)]),
    ]
    return Document(f"Model card: {study}", _title(facts), sections)


def _title(facts: CardFacts) -> str:
    count = len(facts.model["networks"])
    who, s = ("A network that", "s") if count == 1 else (f"{count} networks that together", "")
    if facts.classes is None:
        return f"{who} estimate{s} {facts.target}"
    of = f" of {facts.target}" if facts.about["target"] else ""
    return f"{who} tell{s} {len(facts.classes.classes)} classes{of} apart"


def _what(facts: CardFacts) -> Iterator[Block]:
    about, columns = facts.about, facts.columns
    inputs = (
        counted(facts.model["inputs"], "column")
        if columns
        else f"images of {facts.model['inputs']} pixels"
    )
    if facts.classes is not None:
        count = len(facts.classes.classes)
        yield f"From {inputs} it answers with one of {count} classes, and with a probability of each."
    else:
        margin = number(facts.model["margin"])
        yield (
            f"From {inputs} it estimates {facts.target}, with an interval of ± {margin} that is to hold 95 % of rows "
            "like those of the table."
        )
    apart = "the test rows, too" if about["test_rows_are_in"] else "the test rows were kept apart"
    yield f"It was trained on {counted(about['rows'], 'row')} of {about['source']}; {apart}."
    if target := about["data"].get("target"):
        least, mean, most = (number(target[k], 4) for k in ("least", "mean", "most"))
        yield f"In the table {facts.target} lies between {least} and {most}, with a mean of {mean}."
    if facts.class_rows:
        total = sum(facts.class_rows.values())
        counts = sorted(facts.class_rows.items(), key=lambda item: -item[1])
        classes = (f"{name!r} {n:,} ({percent(n / total)})" for name, n in counts)
        yield f"Of these rows are {listed(classes, SHOWN)}."
    if facts.dropped:
        named = listed(map(repr, facts.dropped), SHOWN)
        yield f"The search was told to leave {'a column' if len(facts.dropped) == 1 else 'columns'} out: {named}."
    if notes := about["data"].get("notes"):
        yield Points([f"{note}." for note in notes])


# Scores


def _scores(facts: CardFacts) -> Iterator[Block]:
    """What is stored of its settings, and of usual models on the same rows."""
    confirmed, rows = (
        facts.about["confirmed"],
        list[tuple[str, float, tuple[float, float] | None]](),
    )
    if confirmed is not None:
        values = [value for value in confirmed["values"] if value is not None]
        ends = confirmed["ci95"] and tuple(confirmed["ci95"])
        rows.append(
            (
                f"validation rows, mean of {counted(len(values), 'training')}",
                confirmed["mean"],
                ends,
            )
        )
    elif facts.searched is not None:
        rows.append(("validation rows, in the search", facts.searched, None))
    if facts.test is not None:
        rows.append((f"test rows{_whose(facts)}", facts.test.value, facts.test.ci95))
    if facts.guess is not None:
        how = "a constant, on validation rows"
        rows.append((how, facts.guess, None))
    for name, (mean, tested) in facts.usual.items():
        for what, score in (("the same validation rows", mean), ("test rows", tested)):
            if score is not None:
                rows.append((f"{name}, on {what}", score, None))
    table = [[what, *_number(value, ends)] for what, value, ends in rows]
    better = "higher" if facts.maximize else "lower"
    caption = f"{facts.metric}, {better} is better"
    yield Table(caption, ["scored on", facts.metric, "95 % interval"], table, (False, True, False))
    yield f"Of {facts.metric}, {better} is better. A constant is an answer that looks at no column."
    if facts.comparison:
        yield " ".join(facts.comparison)
    if confirmed is None:
        yield "The settings were not trained again: who chose them by this value has likely a value that is too good."
    elif facts.finalists > 1:
        yield (
            f"The settings were chosen among {facts.finalists} by the trainings on validation rows, so that score is "
            "likely a little too good. The test rows had no part in choosing."
        )
    if facts.about["epochs"][0] != facts.epochs:
        yield (
            f"All scores in the table are after {counted(facts.epochs, 'epoch')}; the model was trained for "
            f"{facts.about['epochs'][0]}, since the mean of its trainings is better there."
        )


def _number(value: float, ends: tuple[float, float] | None) -> tuple[str, str]:
    """A score and its interval, with as many digits as the interval allows."""
    if not uncertain(ends):
        return number(value), "–"
    shown = notation([value], [ends])
    return rounded(value, shown), between(ends, shown)


def _whose(facts: CardFacts) -> str:
    if facts.test is None or facts.test.same:
        return ", seen once"
    return ", seen once by another network with these settings"


# The end of the card


def _columns(facts: CardFacts) -> Iterator[Block]:
    if not facts.columns:
        yield "The columns are the pixels of images."
        return
    rows = []
    for column in facts.columns[:COLUMNS]:
        if column.span is not None:
            values = " … ".join(number(end, 4) for end in column.span)
        elif column.kind == "number":
            values = "none"
        else:
            rest = column.different - len(column.commonest)
            some = ", ".join(column.commonest)
            more = f"{' and ' if some else ''}{rest} {'more' if some else 'texts'}" if rest else ""
            values = some + more
        rows.append([column.name, column.kind, values, percent(column.missing)])
    yield Table(
        "Columns", ["column", "kind", "values in the rows it was trained on", "missing"], rows,
        (False, False, False, True),
    )  # fmt: skip
    if len(facts.columns) > COLUMNS:
        yield f"{len(facts.columns) - COLUMNS} more columns are not listed."


def _made(facts: CardFacts) -> Iterator[Block]:
    about = facts.about
    for k, network in enumerate(facts.model["networks"]):
        if k and about["trials"][k] in about["trials"][:k]:
            continue  # the same settings with other first weights
        normalized = ", batch normalization" if network["batch_norm"] else ""
        own = {
            "network" if len(facts.model["networks"]) == 1 else f"network {k + 1}":
            f"{' – '.join(map(str, network['sizes']))} units, {network['activation']}{normalized}",
            "settings of": f"trial {about['trials'][k]}",
            **{name: setting(value) for name, value in network["settings"].items()},
            "epochs": str(about["epochs"][k]),
            "seed": str(about["seeds"][k]),
        }  # fmt: skip
        yield Facts(own)
    versions = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    yield Facts({"study": str(about["study"]), "versions": versions})
