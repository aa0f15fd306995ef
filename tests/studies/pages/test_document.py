"""Documents: the same words as a page and as Markdown, where nothing in a name is markup."""

# Law 8: nothing that came from data is executed.

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from matplotlib.figure import Figure

from studies.pages.document import (
    Block,
    Document,
    Facts,
    Points,
    Section,
    Table,
    to_html,
    to_markdown,
    words,
)
from studies.pages.pictures import Picture
from tests.studies.pages.rendered import Page

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=1>',
    "[a](javascript:alert(1))",
    "![x](http://x.example/y.png)",
    "https://x.example and www.x.example",
    "a | b\n# c\n\n---",
    "`code` *bold* _it_ ~~no~~ $x$ **b** __b__ &lt; <b> \\",
    "1. x",
    "- x",
    "{{ 7 * 7 }}",
    "探索",
)
TABLES = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def document(word: str) -> Document:
    def drawn() -> Figure:
        figure = Figure()
        figure.text(0, 0, word.replace("$", r"\$"))
        return figure

    blocks: list[Block] = [
        word,
        Points([word, word]),
        Facts({word: word}),
        Table(word, (word, "n"), [(word, "12")], (False, True)),
        Table(word, (word, "n"), [(word, "12")], (False, True), folded=True),
        Picture("one", drawn, word, word),
    ]
    return Document(word, word, [Section(word, blocks)])


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_names_are_words_on_the_page(word: str) -> None:
    html = to_html(document(word))
    page = Page(html)
    assert not {"script", "img", "b", "a", "iframe"} & {*page.tags}
    assert " ".join(word.split()) in page.text
    assert page.labels == [word]
    assert not page.references or all(r.startswith("#") for r in page.references)


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_names_are_words_in_markdown(word: str) -> None:
    tokens = TABLES.parse(to_markdown(document(word)))
    kinds = {t.type for t in tokens} | {c.type for t in tokens for c in t.children or ()}
    known = {
        "heading",
        "paragraph",
        "bullet_list",
        "list_item",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    assert {k.removesuffix("_open").removesuffix("_close") for k in kinds} <= known | {
        "inline", "text", "text_special",
    }  # fmt: skip
    assert sum(t.type == "table_open" for t in tokens) == 2
    assert sum(t.type == "heading_open" for t in tokens) == 2
    shown = ["".join(c.content for c in t.children or ()) for t in tokens if t.type == "inline"]
    expected = " ".join(word.split())
    assert shown.count(expected) >= 9


@settings(max_examples=40, deadline=None)
@given(st.text())
def test_any_text_stays_text(text: str) -> None:
    escaped = words(text)
    tokens = TABLES.parse(f"# x\n\n{escaped}\n")
    assert {t.type for t in tokens[3:]} <= {"paragraph_open", "inline", "paragraph_close"}
    children = [c for t in tokens[3:] for c in t.children or ()]
    assert {c.type for c in children} <= {"text", "text_special"}
    assert "\n" not in escaped


def test_numbers_and_names_are_readable_as_they_are() -> None:
    for text in (
        "-0.5",
        "0.985",
        "learning_rate",
        "0.971 … 1.000",
        "15 – 50 – 3 units",
        "4 (below 1 %)",
    ):
        assert words(text) == text


def test_columns_of_numbers_are_aligned_to_the_right() -> None:
    table = Table("t", ("name", "n"), [("a", "1"), ("bb", "12345")], (False, True))
    text = to_markdown(Document("t", "u", [Section("s", [table])]))
    assert "| name |     n |\n| ---- | ----: |\n| a    |     1 |\n| bb   | 12345 |\n" in text


def test_markdown_draws_nothing() -> None:
    def refused() -> Figure:
        raise AssertionError

    picture = Picture("one", refused, "what it shows", "how to read it")
    assert "shows" not in to_markdown(Document("t", "u", [Section("s", [picture])]))
