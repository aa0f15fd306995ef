"""A file of text tells its encoding: Unicode in all its forms, and what Excel writes in other countries."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from tests.trainer.data.tables import Write
from trainer.data import Layout
from trainer.data.files import contents

WORDS = {
    "cp949": ["서울", "부산", "한국어 이름", "대한민국", "제주도"],
    "cp932": ["東京", "大阪", "日本語の名前", "カタカナ", "京都"],
    "cp1252": ["Größe", "Æbleskiver", "déjà vu", "España – señor", "München €"],
    "cp1251": ["Москва", "Санкт-Петербург", "русский язык", "имя", "город"],
}


@pytest.mark.parametrize("encoding", WORDS)
@pytest.mark.parametrize("late", [False, True])
def test_what_excel_writes_in_other_countries_is_read_and_said(
    encoding: str, late: bool, write: Write
) -> None:
    before = ["plain"] * (50_000 if late else 0)  # more than is looked at for the layout
    cells = [*before, *WORDS[encoding]]
    path = write("t.csv", ("n", "word"), *enumerate(cells), encoding=encoding)
    made = contents(Path(path))
    assert made.frame["word"].to_list() == cells
    assert made.layout == Layout(encoding=encoding)
    (note,) = made.notes
    assert encoding in note
    assert contents(Path(path), encoding=encoding).notes == ()


@pytest.mark.parametrize(
    ("encoding", "mark", "name"),
    [
        ("utf-8", codecs.BOM_UTF8, "utf-8"),
        ("utf-16-le", codecs.BOM_UTF16_LE, "utf-16"),
        ("utf-16-be", codecs.BOM_UTF16_BE, "utf-16"),
        ("utf-16-le", b"", "utf-16-le"),
        ("utf-16-be", b"", "utf-16-be"),
        ("utf-32-le", codecs.BOM_UTF32_LE, "utf-32"),
    ],
)
@pytest.mark.parametrize("word", ["Größe", "이름"])
def test_unicode_is_read_in_all_its_forms(
    encoding: str, mark: bytes, name: str, word: str, write: Write
) -> None:
    text = f"{word};n\r\n" + "".join(f"{word} {i};{i}\r\n" for i in range(30))
    path = write("t.csv", mark + text.encode(encoding))
    made = contents(Path(path))
    assert made.frame.to_dict("list") == {
        word: [f"{word} {i}" for i in range(30)],
        "n": [*range(30)],
    }
    assert made.layout == Layout(encoding=name, separator=";")


def test_an_encoding_that_is_asked_for_is_taken(write: Write) -> None:
    path = write("t.csv", ("n", "w"), (1, "Größe"), (2, "Maß"), encoding="cp1252")
    for encoding, last in (("cp850", "Ma▀"), ("latin1", "Maß")):
        words = contents(Path(path), encoding=encoding).frame["w"]
        assert words.to_list() == ["Größe".encode("cp1252").decode(encoding), last]
