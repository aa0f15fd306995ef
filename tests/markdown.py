"""What stands in the fenced blocks of a page."""

from __future__ import annotations

import re

FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


def fenced(page: str, *languages: str) -> list[tuple[str, str]]:
    """The language and the text of each block in one of the languages, in their order."""
    return [(language, text) for language, text in FENCED.findall(page) if language in languages]


def blocks(page: str, language: str) -> list[str]:
    """The text of each block in a language, of which the page has to have some."""
    found = [text for _, text in fenced(page, language)]
    assert found, language
    return found
