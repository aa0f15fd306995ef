"""A full disk, and a server that is killed, leave no half of a data set."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from hpo.serve.caller import Caller
from hpo.serve.data import data_files, data_sets, uploading
from hpo.serve.tables import data_sets as table
from tests.hpo.serve.data.uploads import PENGUINS, Serve, files, put
from tests.hpo.serve.in_process import problem


def test_a_full_disk_keeps_nothing_and_says_so(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, client = serve()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    answer = client.post("/data", params={"name": "a.csv"}, content=PENGUINS)
    assert "disk of the service is full" in problem(answer, 507)
    assert files(service) == []


class Killed(BaseException):
    """As if the server ended here."""


@pytest.mark.parametrize("instant", ["while it comes", "before the row", "after the row"])
def test_a_server_that_is_killed_leaves_no_half_upload(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, instant: str
) -> None:
    service, client = serve()
    ada = Caller("ada", "run")
    with monkeypatch.context() as killed:
        killed.setattr(shutil, "rmtree", lambda *_, **__: None)  # nobody tidies up

        def die(*_: object) -> None:
            raise Killed

        def chunks() -> Iterator[bytes]:
            yield PENGUINS
            if instant == "while it comes":
                raise Killed

        if instant == "before the row":
            killed.setattr(uploading.Arriving, "_check_quota", _later(die))
        if instant == "after the row":
            killed.setattr(uploading, "settle", _later(die))
        with pytest.raises(Killed):
            data_sets.upload(service, ada, "penguins.csv", chunks())
    assert files(service) != []
    data_files.tidy(service)
    listed = client.get("/data").json()
    if instant == "after the row":
        (one,) = listed
        assert (service.data_folder / one["id"] / "penguins.csv").read_bytes() == PENGUINS
        assert files(service) == [one["id"], f"{one['id']}/penguins.csv"]
    else:
        assert (listed, files(service)) == ([], [])
    put(client, "penguins.csv", PENGUINS)


def _later(die: Callable[..., None]) -> Callable[..., None]:
    """A function that dies when it is called for the second time."""
    calls = 0

    def call(*arguments: object) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            die(*arguments)

    return call


@pytest.mark.parametrize("instant", ["before the commit", "after the commit"])
def test_a_server_that_is_killed_while_it_deletes_has_the_file_or_has_not(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, instant: str
) -> None:
    service, client = serve()
    data_id = put(client, "penguins.csv", PENGUINS)
    place, moving = service.data_folder / data_id, service.data_folder / f".moving-{data_id}"
    place.rename(moving)
    if instant == "after the commit":
        with service.database.writing() as connection:
            connection.execute(sa.delete(table))
    data_files.tidy(service)
    kept = instant == "before the commit"
    assert files(service) == ([data_id, f"{data_id}/penguins.csv"] if kept else [])
    assert client.get(f"/data/{data_id}").status_code == (200 if kept else 404)
