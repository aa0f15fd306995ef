"""A model card as Markdown or as an HTML page, by the ending of its file."""

from __future__ import annotations

from pathlib import Path

from hpo.card.facts import facts_of_card
from hpo.card.sections import document
from hpo.errors import PlanError
from hpo.models import Chosen
from studies.analysis.export import write_whole
from studies.pages.document import to_html, to_markdown

KINDS = {".md": to_markdown, ".html": to_html}


def check_name(path: Path) -> None:
    """Check, before anything is trained, that the ending of a card's file says what it is to be.

    Raises:
        PlanError: it is another one.
    """
    if path.suffix.lower() not in KINDS:
        raise PlanError(f"card {str(path)!r}: give a file that ends in {' or '.join(KINDS)}")


def write_card(chosen: Chosen, path: Path) -> None:
    """Write the card of the model that is trained with what was chosen.

    Raises:
        PlanError: the file's name has another ending than those of `KINDS`.
        PlanError: the training of a network diverged.
    """
    check_name(path)
    write_whole(path, card_of(chosen, path))


def card_of(chosen: Chosen, path: Path) -> bytes:
    """The same card, for the file at `path`."""
    return KINDS[path.suffix.lower()](document(facts_of_card(chosen))).encode()
