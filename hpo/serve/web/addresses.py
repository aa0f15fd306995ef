"""The addresses of pages: of a study by its name, or by its number where its name can't stand in a path."""

from __future__ import annotations

import re
from urllib.parse import quote

import sqlalchemy as sa

from hpo.serve.access import search_of
from hpo.serve.caller import Caller
from hpo.serve.service import Service
from studies.database.store import open_store

PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .-]{0,99}")


def address(name: str, study_id: int | None) -> str:
    """The path of a study's page."""
    if study_id is None or PLAIN.fullmatch(name):
        return f"/searches/{quote(name)}"
    return f"/searches/~{study_id}"


def name_in(service: Service, caller: Caller, text: str) -> str:
    """The name of the search or study that a part of a path means, if the caller may read it.

    Raises:
        NoSuchStudyError: there is none, or it is another owner's, which looks the same.
    """
    name = text
    with open_store(service.database.url) as store, store.reading() as connection:
        studies = store.table("studies").c
        if text.startswith("~") and text[1:].isascii() and text[1:].isdigit():
            which = studies.study_id == int(text[1:][:18])
            name = connection.execute(sa.select(studies.study_name).where(which)).scalar() or text
        exists = sa.select(studies.study_id).where(studies.study_name == name)
        if caller.may("admin") and connection.execute(exists).first() is not None:
            return name
    with service.database.reading() as connection:
        return str(search_of(connection, caller, name).name)
