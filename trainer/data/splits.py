"""Splits: which rows train, which validate and which test, drawn from a seed and stratified by class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.encoding import Encoding
from trainer.data.folds import Fold, fold_apart
from trainer.data.overview import overview
from trainer.data.parts import apart, check_groups, latest
from trainer.data.reading import PLAIN, Reading
from trainer.data.sources import read
from trainer.data.tables import MIN_PER_CLASS, Table, Task
from trainer.data.which import TEST, Which
from trainer.errors import DataError
from trainer.recipe import Rows

TEST_SHARE, VALIDATION_SHARE = 0.2, 0.2  # of all rows


@dataclass(frozen=True)
class Splits:
    """Rows to train on and rows to score by, ready for a network."""

    task: Task
    outputs: int
    train: Rows
    validation: Rows  # of `TEST`, the test rows
    encoding: Encoding  # by which rows became inputs, learned from the training rows
    fingerprint: str  # of all rows and labels of the source
    contents: Mapping[str, Any]  # of the same: see `Table.contents`
    notes: tuple[str, ...] = ()  # what the user should know: what was left out, and what looks odd
    overview: Mapping[str, Any] = field(
        default_factory=dict
    )  # of split 0: see `trainer.data.overview`

    @property
    def target_scale(self) -> float:
        """One standard unit of y in the user's units; 1 for classes."""
        return self.encoding.scale


@dataclass(frozen=True)
class Draw:
    """The splits of a table: `draw(0)` is the one that a search begins on, other numbers are fresh ones, and
    `draw(TEST)` has the test rows.
    """

    table: Table
    seed: int
    rows: int | None
    dtype: str
    binned: bool = False  # numbers have several inputs: see `trainer.data.bins`

    def __call__(self, which: Which, fold: Fold | None = None) -> Splits:
        """One split, the same each time, or one of its folds (see `split`)."""
        return split(
            self.table,
            self.seed,
            which,
            rows=self.rows,
            dtype=self.dtype,
            binned=self.binned,
            fold=fold,
        )

    def positions(
        self, which: Which, fold: Fold | None = None
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The positions in the table of the training rows and of the validation rows of a split, or of its fold."""
        return positions(self.table, self.seed, which, self.rows, fold)[:2]

    def ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function of this and of the arguments returns, called where the table is."""
        return function(self, *arguments)

    def training_positions(self, *, every_row: bool) -> NDArray[np.intp]:
        """The positions of the rows for a network that is to be used: all but the test rows, or `every_row`."""
        if every_row:
            return np.arange(len(self.table.labels))
        return _test_apart(self.table, self.seed)[0]

    def training_rows(self, *, every_row: bool) -> tuple[Rows, Encoding]:
        """The same rows as a network takes them, and their encoding."""
        positions = self.training_positions(every_row=every_row)
        encoding = Encoding.learned(self.table, positions, np.dtype(self.dtype), binned=self.binned)
        return encoding.transform(self.table, positions), encoding


def load(
    source: str,
    target: str | None,
    *,
    seed: int,
    rows: int | None,
    dtype: str,
    reading: Reading = PLAIN,
    binned: bool = False,
) -> Draw:
    """Read a source, and return what draws its splits.

    Raises:
        DataError: the source can't be read or used.
    """
    return Draw(read(source, target, reading), seed, rows, dtype, binned)


def split(
    table: Table,
    seed: int,
    which: Which = 0,
    *,
    rows: int | None = None,
    dtype: str = "float32",
    binned: bool = False,
    fold: Fold | None = None,
) -> Splits:
    """Training and validation rows: 60 and 20 % of all, stratified by class, drawn from the seed; 20 % are set apart.

    Rows that the source sets apart for testing are the test rows; then a fifth of the others validates. `rows`
    draws that many rows, once, to train and validate on; the test rows are the same with and without it. Arrays
    are of `dtype`, and numbers `binned` if that is said.

    If the table has groups, no group is in two of these parts. If it has times, the latest rows test and those before
    them validate; in a fresh split, a window of earlier rows validates, what is before it trains, and what is after it
    is not used.

    `which` is 0, the split that a search begins on; or the number of a fresh one, from 1 or below 0: the same rows
    divided anew into training and validation rows; or `TEST`: all of them train, and the test rows take the validation
    rows' place. With a `fold`, the rows are divided into folds instead, and those of this one validate; a fresh split
    is then a fresh division into folds.

    Raises:
        DataError: there are too few rows, or fewer than three of a class.
    """
    train, validation, test = positions(table, seed, which, rows, fold)
    drawn = _encoded(table, train, validation, dtype, binned=binned)
    if which != 0:
        return drawn
    from trainer.data.leaks import (
        give_aways,
    )  # pandas, which whoever only receives splits does without

    drawn = replace(drawn, notes=drawn.notes + give_aways(table, train))
    sizes = len(train), len(validation), len(test)
    folds = None if fold is None else fold.of
    return replace(drawn, overview=overview(table, sizes, drawn.notes, folds))


def positions(
    table: Table, seed: int, which: Which, rows: int | None, fold: Fold | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """The positions of the rows that train, of those that validate, and of the test rows: see `split`."""
    rest, test = _test_apart(table, seed)
    if rows is not None and rows != len(rest):
        # Each class needs a row to draw, one to leave out, and (of a quarter of the rows) one to validate on.
        classes = len(table.classes or [""])
        if not 4 * classes <= rows <= len(rest) - classes:
            raise DataError(
                f"rows = {rows}: {table.name} has {len(rest)} rows beside its test rows: "
                f"give {4 * classes} to {len(rest) - classes}, or leave it out for all of them"
            )
        _, rest = apart(table, rest, rows, seed, "search")
    if which == TEST:
        return rest, test, test
    state = seed
    if which:
        key = (which,) if which > 0 else (0, -which)
        sequence = np.random.SeedSequence(seed, spawn_key=key)
        state = int(sequence.generate_state(1, np.uint32)[0])
    share = VALIDATION_SHARE if table.test_rows is not None else VALIDATION_SHARE / (1 - TEST_SHARE)
    if fold is not None:
        return *fold_apart(table, rest, fold, state), test
    if table.times is not None:
        window = np.random.default_rng(state) if which else None
        return *latest(table, rest, share, window), test
    return *apart(table, rest, share, state, "validation"), test


def _test_apart(table: Table, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The positions of all rows but the test rows, and those of the test rows."""
    everything = np.arange(len(table.labels))
    if table.classes is not None:
        for name, size in zip(table.classes, np.bincount(table.labels), strict=True):
            if 0 < size < MIN_PER_CLASS:
                raise DataError(
                    f"{table.name}: class {name!r} has {size} of the rows: each needs {MIN_PER_CLASS}, to train, "
                    f"validate and test on{_instead(table)}"
                )
    if table.test_rows is not None:
        return np.setdiff1d(everything, table.test_rows), table.test_rows
    check_groups(table)
    if table.times is not None:
        return latest(table, everything, TEST_SHARE)
    return apart(table, everything, TEST_SHARE, seed, "test")


def _instead(table: Table) -> str:
    """What to do about a class that has too few rows."""
    if table.target is None or table.classes is None:
        return ""
    leaving = "; --drop-rare leaves out the rows of such classes"
    try:
        [*map(float, table.classes)]
    except ValueError:
        return leaving
    return f"{leaving}; if the labels are quantities and no classes, say --task=regression"


def _encoded(
    table: Table, train: NDArray[np.intp], validation: NDArray[np.intp], dtype: str, *, binned: bool
) -> Splits:
    encoding = Encoding.learned(table, train, np.dtype(dtype), binned=binned)
    return Splits(
        task=table.task,
        outputs=1 if table.classes is None else len(table.classes),
        train=encoding.transform(table, train),
        validation=encoding.transform(table, validation),
        encoding=encoding,
        fingerprint=table.fingerprint,
        contents=table.contents,
        notes=table.notes,
    )
