"""How a browser asks for pages, what they say, and a table to upload."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import httpx

BROWSER = {"Accept": "text/html,application/xhtml+xml"}
HOSTILE = "<script>alert('x')</script>/../%00"


def penguins() -> bytes:
    """A table of 60 rows with three classes, a column that gives them away, and one that identifies rows."""
    species = ("Adelie", "Gentoo", "Chinstrap")
    rows = [
        f"{species[i % 3]},{30 + i * 7 % 23 + i % 3},{'ACB'[i % 3]},N{i:03d}" for i in range(60)
    ]
    return "\n".join(["species,bill,code,tag", *rows]).encode()


def shown(client: httpx.Client, path: str, status: int = 200, **options: Any) -> str:
    """The words of a page, one space between them."""
    answer = client.get(path, **options)
    assert answer.status_code == status, answer.text
    return words(answer)


def words(answer: httpx.Response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())
