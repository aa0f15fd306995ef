"""What stands in the fenced blocks of a page, and what a reader does who follows it."""

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


def script(page: str) -> str:
    """The blocks of a page as one script of the shell, without what installs.

    A block is saved where the paragraph before it says "Save this as `NAME`", a plan else as study.toml. Python that is
    not saved runs.
    """
    lines = ["set -e"]
    for block in FENCED.finditer(page):
        language, code = block.groups()
        before = page[: block.start()].rstrip().rpartition("\n\n")[2]
        saved = re.search(r"[Ss]ave this as `([^`]+)`", before)
        if language == "sh" and not saved:
            lines += [line for line in code.splitlines() if not line.startswith("pip install")]
        elif saved or language in ("python", "toml"):
            file = saved[1] if saved else "study.toml"
            command = f"cat > {file}" if saved or language == "toml" else "python -W error -"
            lines.append(f"{command} <<'END_OF_BLOCK'\n{code}END_OF_BLOCK")
    return "\n".join(lines)
