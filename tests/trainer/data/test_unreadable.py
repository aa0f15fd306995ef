"""Files that can't be read: each error is one line, which names the file, the line in it and what would be right."""

# Law 8: nothing that came from data is executed.
# Law 9: errors and misunderstandings are said.

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainer.data import Reading, pieces, read
from trainer.errors import DataError

Way = Callable[..., Any]


def in_pieces(path: str, target: str, **options: Any) -> None:
    [*pieces(path, rows=7, **options)]


def as_a_whole(path: str, target: str, **options: Any) -> None:
    read(path, target, Reading(**options))


WAYS = pytest.mark.parametrize("way", [as_a_whole, in_pieces])


def refused(way: Way, path: Path, says: str, **options: Any) -> str:
    with pytest.raises(DataError, match=says) as error:
        way(str(path), "y", **options)
    message = str(error.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


def workbook() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return made.getvalue()


ROWS = "x,y\n" + "1,2\n" * 30
FILES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "is empty"),
    "blanks": (b"\n  \n\n", "is empty"),
    "a mark and nothing": (b"\xef\xbb\xbf", "is empty"),
    "comments alone": (b"# x\n# y\n", "is empty|no rows"),
    "a header": (b"x,y\n", "has a header and no rows|has no rows"),
    "a short row": ((ROWS + "7\n" + "1,2\n").encode(), ", line 32: 1 cell, but 2 are expected"),
    "a long row": ((ROWS + "7,8,9\n").encode(), ", line 32: 3 cells, but 2 are expected"),
    "a long row, lines in quotes": (
        b'# comment\nx,y\n"1\n\n1",2\n\n1,2,3\n', ", line 7: 3 cells, but 2 are expected"
    ),
    "long rows": (b"x,y\n5,2,3\n4,2,3\n", ", line 2: 3 cells, but 2 are expected"),
    "rows without their last cell": (b"x,y,z\n1,2\n3,4\n", ", line 2: 2 cells, but 3 are expected"),
    "an open quote": ((ROWS + '"1,2\n' + "1,2\n").encode(), ", line 32: a quote begins there"),
    "bytes": (bytes(range(256)) * 9, "is no text"),
    "a few bytes": (b"x,y\n\0\1\2\n", "is no text"),
    "a workbook": (workbook(), "an Excel workbook: save it as CSV"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "an Excel workbook: save it as CSV"),
    "a Parquet file": (b"PAR1" + bytes(99), r"name it \.parquet"),
    "half of a gzipped file": (gzip.compress(ROWS.encode() * 999)[:-30], "is cut off"),
    "a damaged gzipped file": (gzip.compress(ROWS.encode())[:20] + b"\xff" * 60, "is damaged"),
}  # fmt: skip


@WAYS
@pytest.mark.parametrize(("content", "says"), FILES.values(), ids=FILES)
def test_what_is_no_table_is_told_in_one_line(
    content: bytes, says: str, way: Way, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    refused(way, path, says)


@WAYS
@pytest.mark.parametrize("ending", ["csv", "tsv.gz", "parquet", "npz"])
def test_where_no_file_is_it_says_so(ending: str, way: Way, tmp_path: Path) -> None:
    refused_for = tmp_path / f"t.{ending}"
    with pytest.raises(DataError, match=f"no such file: .*{ending}$"):
        way(str(refused_for), "y")
    refused_for.mkdir()
    refused(way, refused_for, "is a folder")


@WAYS
def test_a_zip_archive_is_to_be_unpacked(way: Way, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("t.csv", ROWS)
    refused(way, path, "a zip archive: unpack it")


@WAYS
def test_an_encoding_that_does_not_fit_is_told_with_its_line(way: Way, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes((ROWS + "größe,2\n").encode("cp1252"))
    refused(way, path, ", line 32, is not utf-8", encoding="utf8")
    with pytest.raises(DataError, match="encoding 'utf9' is unknown: give utf-8"):
        way(str(path), "y", encoding="utf9")
    with pytest.raises(DataError, match="encoding 'rot13' is unknown"):
        way(str(path), "y", encoding="rot13")


@WAYS
def test_a_parquet_file_that_is_none_is_told(way: Way, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    path.write_text(ROWS)
    refused(way, path, "can't be read as Parquet")


@WAYS
@pytest.mark.parametrize("name", ["X", "other"])
def test_pickles_are_refused(name: str, way: Way, tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "run",))

    path = tmp_path / "t.npz"
    objects = np.array([Harmful()] * 3, dtype=object)
    np.savez(path, allow_pickle=True, y=np.arange(3), **{name: objects})
    refused(way, path, f"the array '{name}' holds Python objects, .* pickle")
    np.save(tmp_path / "one.npy", objects, allow_pickle=True)
    (tmp_path / "one.npy").rename(path)
    refused(way, path, "pickle")
    assert not (tmp_path / "run").exists()


@WAYS
def test_an_archive_without_a_table_is_told(way: Way, tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    np.savez(path, a=np.array(3))
    refused(way, path, r"has no table: .* a \(\)")
    path.write_bytes(b"junk")
    refused(way, path, r"can't be read as \.npz|pickle")
    path.write_bytes(workbook()[:60])
    refused(way, path, r"can't be read as \.npz")
    np.save(tmp_path / "one.npy", np.arange(3))
    (tmp_path / "one.npy").rename(path)
    refused(way, path, "one array")


def test_a_missing_target_lists_columns_and_a_header_that_looks_like_data(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("1,2,a\n" * 40)
    with pytest.raises(DataError, match=r"--target: 1, 2, a \(.*--no-header"):
        read(str(path))
    refused(as_a_whole, path, r"no column 'y': its columns are 1, 2, a \(.*--no-header")
    refused(as_a_whole, path, r"no column 'y': its columns are 0, 1, 2$", header=False)
    path.write_text(",".join(f"x{n}" for n in range(99)) + "\n" + ",".join(["1"] * 99) + "\n")
    message = refused(as_a_whole, path, "no column 'y'")
    assert message.endswith("x29 and 69 more")


@pytest.mark.parametrize("source", ["digits", "t.parquet", "t.npz", "mnist:.", "openml:iris"])
def test_what_only_text_has_is_refused_for_all_else(source: str) -> None:
    with pytest.raises(DataError, match="leave out --encoding"):
        read(source, reading=Reading(encoding="utf-8"))
    with pytest.raises(DataError, match="leave out --no-header"):
        read(source, reading=Reading(header=False))
