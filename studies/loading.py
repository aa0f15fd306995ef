"""The studies of a database: what they are called, and one of them by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.database import served
from studies.database.engine import is_served
from studies.database.files import DEFAULT_STORAGE
from studies.database.served import open_study
from studies.database.store import open_store

if TYPE_CHECKING:
    from studies.study import Study


def load(name: str, storage: str = DEFAULT_STORAGE, *, token: str | None = None) -> Study:
    """The study of that name, in a database or on a service (`hpo serve`) at http://HOST:8517.

    A service may want a `token`, by default that of the variable HPO_TOKEN.

    Raises:
        studies.errors.StoreError: there is no such database, service or study; the message names what there is.
    """
    from studies.study import Study

    with open_study(storage, name, token) as store:
        return Study(store.study(name).name, storage, token=token)


def names(storage: str = DEFAULT_STORAGE, *, token: str | None = None) -> list[str]:
    """The names of all studies in a database, or of those on a service that the token's owner may see; oldest first."""
    if is_served(storage):
        return served.names(storage, token)
    with open_store(storage) as store:
        return store.names()
