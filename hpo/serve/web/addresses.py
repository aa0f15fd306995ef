"""The addresses of pages: of a study by its name, or by its number where its name can't stand in a path."""

from __future__ import annotations

from urllib.parse import quote

from hpo.errors import NoSuchStudyError
from hpo.serve.access import search_of, study_name_of
from hpo.serve.caller import Caller
from hpo.serve.new_search import NAME
from hpo.serve.service import Service


def address(name: str, study_id: int | None = None) -> str:
    """The path of a study's page."""
    return address_of(name if study_id is None or NAME.fullmatch(name) else f"~{study_id}")


def address_of(path: str) -> str:
    """The path of the page of what addresses call so."""
    return f"/searches/{quote(path)}"


def name_in(service: Service, caller: Caller, text: str) -> str:
    """The name of the search or study that a part of a path means, if the caller may read it.

    Raises:
        NoSuchStudyError: there is none, or it is another owner's, which looks the same.
    """
    with service.database.reading() as connection:
        try:
            return study_name_of(connection, caller, text)
        except NoSuchStudyError:  # it may not have begun
            return str(search_of(connection, caller, text).name)
