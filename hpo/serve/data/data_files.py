"""Where the files of data sets are: HASH/NAME in the folder of the data, the hash being of content and name.

So owners who upload the same file share it. A file comes into its place, and leaves it, by way of a folder
`.moving-HASH`: if the server is killed meanwhile, the next one sees from the rows whether the file belongs there.
"""

from __future__ import annotations

import shutil

import sqlalchemy as sa

from hpo.serve.service import Service
from hpo.serve.tables import data_sets

RECEIVED, MOVING = ".upload-", ".moving-"
"""How the names of folders begin that have a file on its way from a client, and into or out of its place."""


def settle(service: Service, data_id: str) -> None:
    """Put a file that was on its way into its place if an owner has it, else delete it."""
    moving = service.data_folder / f"{MOVING}{data_id}"
    if not moving.is_dir():
        return
    place = service.data_folder / data_id
    with service.database.reading() as connection:
        kept = owners(connection, data_id)
    if kept and not place.exists():
        moving.rename(place)
    else:
        shutil.rmtree(moving)


def tidy(service: Service) -> None:
    """Remove what a server that was killed left of uploads, and finish what it was moving."""
    for path in service.data_folder.glob(f"{RECEIVED}*"):
        shutil.rmtree(path, ignore_errors=True)
    for path in service.data_folder.glob(f"{MOVING}*"):
        settle(service, path.name.removeprefix(MOVING))


def owners(connection: sa.Connection, data_id: str) -> int:
    """How many owners have a data set."""
    query = sa.select(sa.func.count()).select_from(data_sets)
    return int(connection.execute(query.where(data_sets.c.data_id == data_id)).scalar_one())
