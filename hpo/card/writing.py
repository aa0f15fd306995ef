"""A model card as Markdown or as an HTML page, by the ending of its file."""

from __future__ import annotations

from pathlib import Path

from hpo.card.facts import facts_of_card
from hpo.card.sections import document
from hpo.errors import PlanError
from hpo.models import Chosen
from studies.pages.document import to_html, to_markdown

KINDS = {".md": to_markdown, ".html": to_html}


def check_name(path: Path) -> None:
    """Check, before anything is trained, that the ending of a card's file says what it is to be.

    Raises:
        PlanError: it is another one.
    """
    if path.suffix.lower() not in KINDS:
        raise PlanError(f"card {str(path)!r}: give a file that ends in {' or '.join(KINDS)}")


def card_of(chosen: Chosen, path: Path) -> bytes:
    """The card of the model that is trained with what was chosen, for the file at `path`.

    Raises:
        ValueError: the training of a network diverged.
    """
    return KINDS[path.suffix.lower()](document(facts_of_card(chosen))).encode()
