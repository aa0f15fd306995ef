"""Characters: from the bytes of a file, gzipped or not, to its text, in the encoding that it has.

Text is UTF-8 if it can be. A byte order mark names other Unicode encodings, and where every second byte is zero it is
UTF-16 without one. What is none of these comes from programs that write the encoding of their country, such as Excel.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from trainer.errors import DataError

HEAD = 1 << 18  # bytes that tell what kind of file it is, and its layout
SAMPLE = 1 << 16  # bytes of lines with other than ASCII, which tell the encoding
CHUNK = 1 << 20
FEW = 100  # characters, all of which are text
CONTROL = bytes({*range(32)} - {*b"\t\n\f\r\x1b"} | {127})

EXCELS = ("cp949", "cp932", "cp1252")
"""What Excel writes in Korea, Japan and Western Europe. Among these, lines of real words are told apart without an
error. Among all, charset-normalizer 3.5 takes those of Western Europe for Eastern Europe's in 7 of 10 cases."""

OTHERS = ("cp1251", "gb18030", "big5", "cp1250")
"""Its encodings of Cyrillic, Chinese and Eastern Europe, which are looked at where none of the others fits."""

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NO_TEXT = {
    b"PAR1": "a Parquet file: name it .parquet",
    b"\xd0\xcf\x11\xe0": "an Excel workbook: save it as CSV",
    b"\x93NUMPY": "an array of NumPy's: save it as .npz",
    b"%PDF": "a PDF document",
    b"\x28\xb5\x2f\xfd": "compressed by zstd: unpack it first",
    b"BZh": "compressed by bzip2: unpack it first",
    b"\xfd7zXZ": "compressed by xz: unpack it first",
    b"SQLite format 3": "an SQLite database: export the table as CSV",
}


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked if it is gzipped, whatever its name is.

    Raises:
        DataError: there is no such file, it can't be opened, or it is packed and not whole.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder, not a file")
    if not path.exists():
        raise DataError(f"no such file: {path}")
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not packed:
                yield raw
                return
            with gzip.GzipFile(fileobj=raw, mode="rb") as unpacked:
                yield cast(BinaryIO, unpacked)
    except EOFError:
        raise DataError(f"{path} is cut off: its gzip data end too early") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is damaged, its gzip data can't be unpacked: {error}") from None
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}") from None


@contextmanager
def text_of(path: Path, encoding: str) -> Iterator[io.TextIOWrapper]:
    """The text of a file, with its line ends as they are.

    Raises:
        DataError: as `opened`, or it has bytes that the encoding does not know, and where.
    """
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    try:
        with opened(path) as file, io.TextIOWrapper(file, codec, newline="") as text:
            yield text
    except UnicodeError as error:
        where = _undecoded(path, encoding)
        raise DataError(f"{path}{where} is not {encoding}: {_first_line(error)}") from None


def head_of(path: Path) -> tuple[bytes, bool]:
    """The first bytes of a file of text, and whether that is all.

    Raises:
        DataError: the file can't be read, or it is no text.
    """
    with opened(path) as file:
        head = file.read(HEAD)
        is_all = len(head) < HEAD or not file.read(1)
    if not head.strip():
        raise DataError(f"{path} is empty")
    for magic, what in _NO_TEXT.items():
        if head.startswith(magic):
            raise DataError(f"{path} is no text but {what}")
    if head.startswith(b"PK\x03\x04"):
        is_workbook = b"xl/" in head or b"[Content_Types]" in head
        what = (
            "an Excel workbook: save it as CSV" if is_workbook else "a zip archive: unpack it first"
        )
        raise DataError(f"{path} is no text but {what}")
    if _unicode(head) is None:
        controls = len(head) - len(head.translate(None, CONTROL))
        if b"\0" in head or controls > len(head) / 50:
            raise DataError(
                f"{path} is no text: {controls} of its first {len(head)} bytes are none"
            )
    return head, is_all


def encoding_of(path: Path, head: bytes, likely: str | None = None) -> str:
    """The encoding of a file that begins with `head`. If it is no Unicode, `likely` is taken where it fits.

    All bytes are looked at, since the first one that tells can be the last.
    """
    known = _unicode(head)
    if known is not None:
        return known
    sample = _not_utf_8(path)
    if sample is None:
        return "utf-8"
    if likely not in (None, "utf-8") and _fits(sample, likely or ""):
        return likely or ""
    return guessed(sample)


def checked(encoding: str) -> str:
    """The name of an encoding, as Python spells it.

    Raises:
        DataError: there is none of this name.
    """
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)  # some codecs are of bytes to bytes
    except (LookupError, TypeError, ValueError):  # a ValueError: it has a NUL
        raise DataError(
            f"encoding {encoding!r} is unknown: give utf-8, utf-16, cp1252, cp949, cp932 or another of "
            "https://docs.python.org/3/library/codecs.html#standard-encodings"
        ) from None
    return "utf-8" if name == "utf-8-sig" else name


def guessed(sample: bytes) -> str:
    """The likeliest encoding of text that is no Unicode."""
    from charset_normalizer import from_bytes

    for likely in (EXCELS, OTHERS):
        best = from_bytes(sample, cp_isolation=[*likely]).best()
        if best is not None:
            return best.encoding
    return "cp1252"


def _unicode(head: bytes) -> str | None:
    """The Unicode encoding that the first bytes show, if they show one."""
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return name
    pairs = len(head) // 2
    even, odd = head[: 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    # Separators, digits and line ends have a zero byte, whatever the language is.
    if max(even, odd) < pairs / 5 or min(even, odd) > max(even, odd) / 20 or not pairs:
        return None
    name = "utf-16-le" if odd > even else "utf-16-be"
    text = head.decode(name, errors="ignore")
    has_lines = "\n" in text or "\r" in text
    return name if has_lines and all(c.isprintable() or c.isspace() for c in text[:FEW]) else None


def _not_utf_8(path: Path) -> bytes | None:
    """Lines with other bytes than ASCII, of a file that is not UTF-8; None if it is."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with opened(path) as file:
        try:
            while chunk := file.read(CHUNK):
                if not chunk.isascii() or decoder.getstate()[0]:
                    decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            pass
        else:
            return None
    sample = b""
    with opened(path) as file:
        for line in file:
            if not line.isascii():
                sample += line
            if len(sample) > SAMPLE:
                break
    return sample


def _fits(sample: bytes, encoding: str) -> bool:
    try:
        sample.decode(encoding)
    except UnicodeError:
        return False
    return True


def _undecoded(path: Path, encoding: str) -> str:
    """The line that an encoding does not fit, if its lines can be told apart by their bytes."""
    if encoding.startswith(("utf-16", "utf-32")):
        return ""
    with opened(path) as file:
        for number, line in enumerate(file, start=1):
            if not _fits(line, encoding):
                return f", line {number},"
    return ""


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
