"""Predictions of a model for the rows of a file, piece by piece, so that the file may be larger than memory."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from studies import extras
from studies.analysis.export import replacing, to_csv
from studies.words import counted
from trainer.data import pieces
from trainer.data.remarks import listed, named
from trainer.errors import DataError
from trainer.model import ClassifierModel, Model, Oddities
from trainer.model_file import load

if TYPE_CHECKING:
    import pandas as pd

STDOUT = Path("-")
ENDINGS = (".csv", ".csv.gz", ".parquet")

Write = Callable[["pd.DataFrame"], None]


def predict_file(model: Path, table: Path, output: Path) -> Iterator[str]:
    """Write the predictions for all rows of a file to another file, and yield what its user should know.

    An output that exists is replaced when all rows are predicted.

    Raises:
        DataError: the model or the table can't be used, or the output's name has another ending than `ENDINGS`.
    """
    if output != STDOUT and not output.name.lower().endswith(ENDINGS):
        raise DataError(
            f"{output}: predictions are written to files that end in {', '.join(ENDINGS)}"
        )
    trained = load(model)
    names = [column.name for column in trained.columns]
    texts = [column.name for column in trained.columns if column.kind == "text"]
    if nameless := trained.layout is not None and not trained.layout.header:
        texts = [str(position) for position in range(len(names) + 1)]  # of features and label
    odd, count = Oddities(), 0
    with _writing(output) as write:
        for rows in pieces(table, as_text=texts, like=trained.layout):
            if nameless and rows.shape[1] == len(names):  # without the column of the labels
                rows.columns = names
            try:
                found = predictions(trained, rows, odd)
            except DataError as error:
                raise DataError(f"{table}: {error}") from None
            write(found)
            count += len(rows)
    yield from _notes(table, odd, (trained.about or {}).get("target"))
    if output != STDOUT:
        yield f"{counted(count, 'row')} predicted: {output} written"


def predictions(model: Model, rows: Any, odd: Oddities | None = None) -> pd.DataFrame:
    """One row for each of `rows`: the predicted class and the probability of each, or the quantity and its interval."""
    import pandas as pd

    if isinstance(model, ClassifierModel):
        probabilities = model.predict_proba(rows, odd)
        frame = pd.DataFrame(probabilities, columns=[f"probability_{c}" for c in model.class_names])
        frame.insert(0, "prediction", model.classes_[probabilities.argmax(axis=1)])
        return frame
    quantities = model.predict(rows, odd)
    frame = pd.DataFrame({"prediction": quantities})
    if model.margin is not None:
        frame["low"], frame["high"] = quantities - model.margin, quantities + model.margin
    return frame


def _notes(table: Path, odd: Oddities, target: str | None) -> Iterator[str]:
    for name, texts in odd.not_numbers.items():
        shown = listed(dict(texts.most_common()))
        yield f"{table}: column {name!r}: {_cells(texts)} no number, taken for missing: {shown}"
    for name, texts in odd.unseen.items():
        shown = listed(dict(texts.most_common()))
        yield f"{table}: column {name!r}: {_cells(texts)} a category that the model has never seen: {shown}"
    unused = [name for name in odd.unused if name != target]
    if unused:
        yield f"{table}: the model has no use for {named(unused)}"


def _cells(texts: dict[str, int]) -> str:
    count = sum(texts.values())
    return f"{count} cell{'s are' if count > 1 else ' is'}"


@contextmanager
def _writing(output: Path) -> Iterator[Write]:
    """Writes frames one after the other; the file is there when all are written."""
    if output == STDOUT:
        yield _csv(sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    with replacing(output) as temporary, ExitStack() as closing:
        if output.name.lower().endswith(".parquet"):
            yield _parquet(temporary, closing)
        else:
            opened = gzip.open if output.name.lower().endswith(".gz") else open
            yield _csv(cast("IO[bytes]", closing.enter_context(opened(temporary, "wb"))))


def _csv(file: IO[bytes]) -> Write:
    has_header = False

    def write(frame: pd.DataFrame) -> None:
        nonlocal has_header
        content = to_csv(frame)
        file.write(content if not has_header else content.partition(b"\n")[2])
        has_header = True

    return write


def _parquet(path: Path, closing: ExitStack) -> Write:
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter
    except ImportError:
        raise DataError(f"a Parquet file needs pyarrow: {extras.command('parquet')}") from None
    writer: Any = None

    def write(frame: pd.DataFrame) -> None:
        nonlocal writer
        table = pa.Table.from_pandas(frame, preserve_index=False)
        if writer is None:
            writer = closing.enter_context(ParquetWriter(path, table.schema))
        writer.write_table(table)

    return write
