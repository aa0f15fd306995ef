"""Sources -> arrays, with the rows set apart from the start.

`read(source)` makes a `Table`: every row as it came, and labels. `split(table, seed)` makes `Splits`: training and
validation rows as arrays a network can be trained on. Test rows are set apart first of all, and are in no `Splits` but
the one that is asked for by name, `TEST`. What is learned from data (means, standard deviations, what to put in for a
missing value, the list of a column's categories) is learned from training rows alone and applied unchanged to all
others.
"""

from __future__ import annotations

import difflib
import functools
import gzip
import hashlib
import math
import struct
import warnings
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainer.recipe import Rows

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]
Task = Literal["classification", "regression"]
Which = int | Literal["test"]

TEST: Literal["test"] = "test"
BUILT_IN = ("digits", "breast_cancer", "wine", "iris", "diabetes")
TABLE_ENDINGS = (".csv", ".tsv", ".parquet")
KINDS = f"{', '.join(BUILT_IN)}, a .csv, .tsv or .parquet file, or mnist:DIR"
TEST_SHARE, VALIDATION_SHARE = 0.2, 0.2  # of all rows
MAX_CLASSES = 20  # a number column with more whole values than this is a quantity, not a class
MAX_CATEGORIES = 50  # of a text column: rarer ones share one column
ROWS_PER_VALUE = 10  # on average, for a column's values to be few
MAX_NUMBER = 1e150  # the square of a larger one, and so a standard deviation, is infinite
MIN_PER_CLASS = 3  # one row each to teach, to choose and to test


class DataError(ValueError):
    """A source that can't be read or used; the message names it and the rule, in one line."""


@dataclass(frozen=True)
class Table:
    """A source as it came: rows in an array (N, I) or a DataFrame, labels (N,), and what they mean.

    `classes` are the names of the classes in the order of their numbers, None for a regression. `test_rows` are the
    positions of rows that the source itself sets apart for testing. `notes` say what of the source was left out.
    """

    name: str
    task: Task
    rows: Array | pd.DataFrame
    labels: Array
    classes: tuple[str, ...] | None
    test_rows: NDArray[np.intp] | None = None
    notes: tuple[str, ...] = ()

    @functools.cached_property
    def fingerprint(self) -> str:
        """A SHA-256 of every row and label, by which a study knows its data again."""
        digest = hashlib.sha256(self.task.encode())
        if isinstance(self.rows, np.ndarray):
            digest.update(repr((self.rows.shape, str(self.rows.dtype))).encode())
            digest.update(np.ascontiguousarray(self.rows).tobytes())
        else:
            import pandas as pd

            digest.update(repr(list(self.rows.columns)).encode())
            digest.update(pd.util.hash_pandas_object(self.rows, index=False).to_numpy().tobytes())
        digest.update(np.ascontiguousarray(self.labels).tobytes())
        digest.update(repr(self.classes).encode())
        return digest.hexdigest()

    @functools.cached_property
    def contents(self) -> dict[str, Any]:
        """What a study remembers of its data, to be able to say what is different about others: plain data, and
        hashes of 16 digits of what is long.
        """
        told: dict[str, Any] = {"task": self.task, "rows": len(self.labels)}
        if self.classes is not None:
            told["classes"] = ", ".join(self.classes)
        if isinstance(self.rows, np.ndarray):
            told["numbers"] = _short_hash(self.rows)
        else:
            import pandas as pd

            told["columns"] = {
                str(name): _short_hash(pd.util.hash_pandas_object(column, index=False).to_numpy())
                for name, column in self.rows.items()
            }
        return told | {"labels": _short_hash(self.labels)}


def _short_hash(values: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16]


@dataclass(frozen=True)
class Splits:
    """Rows to teach with and rows to score by, ready for a network."""

    task: Task
    outputs: int
    train: Rows
    validation: Rows  # of `TEST`, the test rows
    target_scale: float  # standard units of y to the user's; 1 for classes
    fingerprint: str  # of all the source's rows and labels, before any were set apart
    contents: Mapping[str, Any]  # of the same: see `Table.contents`
    notes: tuple[str, ...] = ()  # what was left out and what looks odd, for the user to hear


Draw = Callable[[Which], Splits]
"""The splits of a source: `draw(0)` is a search's own, `draw(1)` the first of the fresh ones, `draw(TEST)` the last."""


def load(source: str, target: str | None, *, seed: int, rows: int | None, dtype: str) -> Draw:
    """From a source to its splits: `read(source, target)`, and `split` of what that gives."""
    return functools.partial(split, read(source, target), seed, rows=rows, dtype=dtype)


def read(source: str, target: str | None = None) -> Table:
    """The table behind a source: a built-in name, a CSV, TSV or Parquet file with its label column, or mnist:DIR.

    Raises:
        DataError: there is no such source, file or column, or its labels can't be used.
    """
    if source in BUILT_IN:
        _no_target(source, target)
        return _built_in(source)
    if source.startswith("mnist:"):
        _no_target(source, target)
        return _mnist(Path(source.removeprefix("mnist:")))
    if source.lower().endswith(TABLE_ENDINGS):
        return _file(Path(source), target)
    raise DataError(f"unknown source {source!r}: {_nearest(source, BUILT_IN, f'give {KINDS}')}")


def _nearest(word: str, known: Iterable[str], otherwise: str) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else otherwise


def name_of(source: str) -> str:
    """What a study of this source is called unless its user says otherwise."""
    return source.partition(":")[0] if source.startswith("mnist:") else Path(source).stem


def split(
    table: Table,
    seed: int,
    which: Which = 0,
    *,
    rows: int | None = None,
    dtype: str = "float32",
) -> Splits:
    """Training and validation rows: 60 and 20 % of all, stratified by class, drawn from the seed; 20 % are set apart.

    Rows that the source sets apart for testing are the test rows; then a fifth of the others validates. `rows`
    draws that many rows, once, to train and validate on; the test rows are the same with and without it. Arrays
    are of `dtype`.

    `which` is 0, the split that a search is made on; or the number of a fresh one, from 1: the same rows divided anew
    into training and validation rows; or `TEST`: all of them train, and the test rows take the validation rows' place.

    Raises:
        DataError: there are too few rows, or fewer than three of a class.
    """
    from sklearn.model_selection import train_test_split

    everything = np.arange(len(table.labels))
    if table.classes is not None:
        for name, size in zip(table.classes, np.bincount(table.labels), strict=True):
            if 0 < size < MIN_PER_CLASS:
                raise DataError(
                    f"{table.name}: class {name!r} has {size} of the rows: each needs {MIN_PER_CLASS}, "
                    "to train, validate and test on"
                )

    def stratified(
        positions: NDArray[np.intp], share: float | int, what: str, state: int = seed
    ) -> Any:
        strata = table.labels[positions] if table.task == "classification" else None
        try:
            return train_test_split(positions, test_size=share, random_state=state, stratify=strata)
        except ValueError as error:
            raise DataError(
                f"{table.name}: can't set {what} rows apart from {len(positions)} rows: {error}"
            ) from None

    if table.test_rows is None:
        rest, test = stratified(everything, TEST_SHARE, "test")
        share = VALIDATION_SHARE / (1 - TEST_SHARE)
    else:
        rest, test = np.setdiff1d(everything, table.test_rows), table.test_rows
        share = VALIDATION_SHARE
    if rows is not None and rows != len(rest):
        # A row of each class to draw, to leave out, and (a quarter of them) to validate on.
        classes = len(table.classes or [""])
        if not 4 * classes <= rows <= len(rest) - classes:
            raise DataError(
                f"rows = {rows}: {table.name} has {len(rest)} rows beside its test rows: "
                f"give {4 * classes} to {len(rest) - classes}, or leave it out for all of them"
            )
        _, rest = stratified(rest, rows, "search")
    if which == TEST:
        return _prepare(table, rest, test, np.dtype(dtype))
    state = seed
    if which:
        sequence = np.random.SeedSequence(seed, spawn_key=(int(which),))
        state = int(sequence.generate_state(1, np.uint32)[0])
    train, validation = stratified(rest, share, "validation", state)
    return _prepare(table, train, validation, np.dtype(dtype))


def _prepare(
    table: Table,
    train: NDArray[np.intp],
    validation: NDArray[np.intp],
    dtype: np.dtype[Any],
) -> Splits:
    encode, scale, shift = _encoder(table, dtype), 1.0, 0.0
    encode.fit(_rows(table, train))
    if table.task == "regression":
        targets = table.labels[train]
        shift, scale = float(targets.mean()), float(targets.std()) or 1.0

    def ready(positions: NDArray[np.intp]) -> Rows:
        X = np.ascontiguousarray(encode.transform(_rows(table, positions)), dtype)
        labels = table.labels[positions]
        if table.task == "regression":
            return Rows(X, ((labels - shift) / scale).astype(dtype))
        return Rows(X, labels)

    return Splits(
        task=table.task,
        outputs=1 if table.classes is None else len(table.classes),
        train=ready(train),
        validation=ready(validation),
        target_scale=scale,
        fingerprint=table.fingerprint,
        contents=table.contents,
        notes=table.notes + _give_aways(table, train),
    )


def _give_aways(table: Table, train: NDArray[np.intp]) -> tuple[str, ...]:
    """A note for each column whose few values each come with one class only: the label again, in other words."""
    if table.task == "regression" or isinstance(table.rows, np.ndarray):
        return ()
    rows, labels = table.rows.iloc[train], table.labels[train]
    few = rows.nunique(dropna=False) <= min(MAX_CATEGORIES, len(train) // ROWS_PER_VALUE)
    return tuple(
        f"{table.name}: column {column!r} tells the class of every row by itself: take it out of the "
        "file unless it is known before the class is"
        for column in rows.columns[few.to_numpy()]
        if len(set(zip(rows[column].map(repr), labels, strict=True)))
        == rows[column].nunique(dropna=False)
    )


def _rows(table: Table, positions: NDArray[np.intp]) -> Array | pd.DataFrame:
    rows = table.rows
    return rows[positions] if isinstance(rows, np.ndarray) else rows.iloc[positions]


def _encoder(table: Table, dtype: np.dtype[Any]) -> Any:
    """What turns rows into numbers: scaling for numbers, one column a category for text."""
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    if isinstance(table.rows, np.ndarray):
        if table.rows.dtype == np.uint8:  # an image: 0 … 255 is its scale, known without looking
            return FunctionTransformer(lambda images: images / dtype.type(255))
        return StandardScaler()

    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    numbers = _number_columns(table.rows)
    texts = [column for column in table.rows.columns if column not in numbers]
    number = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )
    text = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="(missing)", keep_empty_features=True),
        OneHotEncoder(
            handle_unknown="infrequent_if_exist",
            max_categories=MAX_CATEGORIES,
            sparse_output=False,
        ),
    )
    return ColumnTransformer([("numbers", number, numbers), ("texts", text, texts)])


def _no_target(source: str, target: str | None) -> None:
    if target is not None:
        raise DataError(f"{source} knows its labels: leave out --target {target}")


def _built_in(source: str) -> Table:
    from sklearn import datasets

    loaded = getattr(datasets, f"load_{source}")()
    if source == "diabetes":
        return Table(source, "regression", loaded.data, loaded.target.astype(float), None)
    classes = tuple(str(name) for name in loaded.target_names)
    return Table(source, "classification", loaded.data, loaded.target.astype(np.intp), classes)


def _file(path: Path, target: str | None) -> Table:
    import pandas as pd

    if not path.is_file():
        raise DataError(f"no such file: {path}")
    try:
        frame = pd.read_parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
    except pd.errors.ParserWarning:
        raise DataError(f"{path}: its rows have more cells than its first line") from None
    except (ValueError, ImportError, OSError) as error:
        raise DataError(f"{path} can't be read as a table: {_first_line(error)}") from None
    columns = ", ".join(str(column) for column in frame.columns)
    if target is None:
        raise DataError(f"{path}: say which column is the label with --target: {columns}")
    if target not in frame.columns:
        raise DataError(
            f"{path} has no column {target!r}: "
            f"{_nearest(target, map(str, frame.columns), f'its columns are {columns}')}"
        )
    return _from_frame(path.stem, frame, target, str(path))


def _csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    with warnings.catch_warnings():
        # Rows with more cells than the header: pandas would leave out the last, or take the first for a name.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(
            path,
            sep=_separator(path),
            encoding="utf-8-sig",
            skipinitialspace=True,
            na_values=["?"],  # how the UCI collection writes a missing value
            index_col=False,
            low_memory=False,  # in pieces, a column could be numbers in one and text in another
        )


def _from_frame(name: str, frame: pd.DataFrame, target: str, where: str) -> Table:
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(frame[target]):
        frame = frame.assign(**{target: _stripped(frame[target])})
    labelled = frame[frame[target].notna()].reset_index(drop=True)
    notes = []
    if unlabelled := len(frame) - len(labelled):
        notes.append(f"{where}: {unlabelled} of {len(frame)} rows are left out: no {target!r}")
    labels = labelled.pop(target)
    features = labelled.dropna(axis="columns", how="all")
    if empty := [str(column) for column in labelled.columns.difference(features.columns)]:
        notes.append(f"{where}: nothing in these columns, which are left out: {', '.join(empty)}")
    features = features.astype(dict.fromkeys(features.select_dtypes("bool").columns, "float64"))
    if features.empty:
        raise DataError(f"{where}: no rows with a value of {target!r} and of another column")
    for column in features.columns.difference(_number_columns(features)):
        if features[column].map(pd.api.types.is_list_like).any():
            raise DataError(f"{where}: column {column!r} holds lists, not numbers or text")
        features[column] = _as_numbers(features[column])
    for column in _number_columns(features):
        _check_size(features[column], where)
    if _is_quantity(labels):
        _check_size(labels, where)
        return Table(name, "regression", features, labels.to_numpy(float), None, notes=tuple(notes))
    text = labels.map(_class_name)
    classes, numbers = np.unique(text.to_numpy(str), return_inverse=True)
    if len(classes) < 2:
        raise DataError(f"{where}: column {target!r} has one class only: {str(classes[0])!r}")
    return Table(
        name,
        "classification",
        features,
        numbers.astype(np.intp),
        tuple(str(c) for c in classes),
        notes=tuple(notes),
    )


def _separator(path: Path) -> str:
    """What stands between the columns: a tab in a .tsv, else the commonest of , ; and tab in the first line."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    with path.open(encoding="utf-8-sig") as file:
        first = file.readline()
    return max(",;\t", key=first.count)


def _class_name(label: Any) -> str:
    # A column of whole numbers with a gap in it is read as 0.0, 1.0: its classes are still 0 and 1.
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def _number_columns(frame: pd.DataFrame) -> list[Any]:
    return list(frame.select_dtypes("number", exclude="timedelta").columns)


def _check_size(column: pd.Series[Any], where: str) -> None:
    largest = float(column.abs().max())
    if largest > MAX_NUMBER:
        raise DataError(
            f"{where}: column {column.name!r} holds ±{largest:g}, beyond ±{MAX_NUMBER:g}"
        )


def _stripped(column: pd.Series[Any]) -> pd.Series[Any]:
    """Text without the blanks around it; missing where nothing is left."""
    text = column.astype("object").map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
    return text.where(text.notna() & (text != ""), np.nan)


def _as_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    """A text column as numbers if all it holds beside blanks are numbers; else as text with its blanks missing."""
    import pandas as pd

    text = _stripped(column)
    numbers = pd.to_numeric(text, errors="coerce")
    if numbers.notna().sum() == text.notna().sum():
        return numbers
    return text.map(lambda cell: cell if cell is np.nan else str(cell)).astype("object")


def _is_quantity(labels: pd.Series[Any]) -> bool:
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(labels) or pd.api.types.is_bool_dtype(labels):
        return False
    values = labels.to_numpy(float)
    return not (np.equal(values, np.round(values)).all() and labels.nunique() <= MAX_CLASSES)


def _mnist(folder: Path) -> Table:
    parts: dict[str, tuple[Array, Array]] = {}
    for part in ("train", "t10k"):
        images = _idx(folder, f"{part}-images-idx3-ubyte", 3)
        labels = _idx(folder, f"{part}-labels-idx1-ubyte", 1)
        if len(images) != len(labels):
            raise DataError(f"{folder}: {len(images)} {part} images but {len(labels)} labels")
        parts[part] = images.reshape(len(images), -1), labels
    if parts["train"][0].shape[1] != parts["t10k"][0].shape[1]:
        raise DataError(f"{folder}: the train and the t10k images are not of one size")
    rows = np.concatenate([parts["train"][0], parts["t10k"][0]])
    labels = np.concatenate([parts["train"][1], parts["t10k"][1]]).astype(np.intp)
    test = np.arange(len(parts["train"][0]), len(rows))
    classes = tuple(str(digit) for digit in range(int(labels.max()) + 1))
    return Table("mnist", "classification", rows, labels, classes, test)


def _idx(folder: Path, name: str, dimensions: int) -> NDArray[np.uint8]:
    """One IDX file, plain or gzipped: magic number 0x0000 08 dd, dd sizes as big-endian int32, then bytes."""
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            break
    else:
        raise DataError(f"mnist:{folder}: no file {name}.gz or {name} there")
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} can't be read: {_first_line(error)}") from None
    start = 4 + 4 * dimensions
    if content[:4] != bytes((0, 0, 8, dimensions)) or len(content) < start:
        raise DataError(f"{path} is not an IDX file of {dimensions} dimensions of bytes")
    shape = struct.unpack(f">{dimensions}i", content[4:start])
    array = np.frombuffer(content, np.uint8, offset=start)
    if min(shape) < 1 or array.size != math.prod(shape):
        promised = " × ".join(map(str, shape))
        raise DataError(f"{path} holds {array.size} bytes where its head promises {promised}")
    return array.reshape(shape)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
