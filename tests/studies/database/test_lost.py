"""Connections to a server that are lost for real: no write is doubled, none is left out, and the wait has an end."""

# Law 5: nothing that is finished is lost.

from __future__ import annotations

import json
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal

import pytest
from optuna.distributions import FloatDistribution

import studies
from studies.database import retry as patience
from studies.database.records import Confirmation, Result
from studies.database.store import Store, create_store, open_store
from studies.database.writer import Writer
from studies.errors import ConnectionLostError, LeaseError, StoreError, StudyExistsError
from tests.postgres import Server, rows, server
from tests.studies.stores import DONE, NEW, NONE_CONFIRMED

Cut = Literal["commit", "answer", "late commit"]
CUTS: tuple[Cut, ...] = ("commit", "answer", "late commit")
LATE = 0.25  # seconds: after the first try to write again

X = {"x": FloatDistribution(0, 1)}


class Line:
    """A line to a server that can be cut at a COMMIT: before the server gets it, before its answer comes back, or so
    that the server gets it only when the client has long been trying again.
    """

    def __init__(self, port: int) -> None:
        self.cut: Cut | None = None
        self.cuts = 0
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with (
            client,
            socket.create_connection(("127.0.0.1", self._to)) as upstream,
            selectors.DefaultSelector() as ready,
        ):
            ready.register(client, selectors.EVENT_READ, upstream)
            ready.register(upstream, selectors.EVENT_READ, client)
            while True:
                for key, _ in ready.select():
                    source, other = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    try:
                        data = source.recv(65536)
                        if source is client and b"COMMIT\0" in data and self.cut:
                            self._cut(data, client, upstream)
                            return
                        other.sendall(data)
                    except OSError:
                        return
                    if not data:
                        return

    def _cut(self, data: bytes, client: socket.socket, upstream: socket.socket) -> None:
        how, self.cut = self.cut, None
        self.cuts += 1
        if how == "answer":
            upstream.sendall(data)
            upstream.recv(65536)
        elif how == "late commit":
            client.close()
            time.sleep(LATE)
            upstream.sendall(data)
            upstream.recv(65536)


@pytest.fixture
def line(postgres: Server) -> Iterator[Line]:
    made = Line(postgres.port)
    yield made
    made.close()


@pytest.fixture
def through(line: Line, postgres: Server, postgres_storage: str) -> str:
    """The URL of the empty database at the other end of the line."""
    create_store(postgres_storage).close()
    return postgres_storage.replace(str(postgres.port), str(line.port))


def result(number: int, value: float) -> Result:
    return Result(number, "complete", value, {"accuracy": [value]}, "accuracy", DONE, {"a": 1})


WRITES: list[Callable[[Writer], object]] = [
    lambda w: w.start_round(0, 3, {"x": {"low": 0.0, "high": 1.0, "log": False}}),
    lambda w: w.start_batch(0, [{"x": 0.25}, {"x": 0.5}], X),
    lambda w: w.finish_batch([result(0, 0.5), result(1, 0.75)]),
    lambda w: w.name_metric("precision"),
    lambda w: w.start_batch(0, [{"x": 0.125}], X),
    lambda w: w.finish_batch([result(2, 0.25)]),
    lambda w: w.judge_round(0, {"x": {"action": "kept"}}, {}),
    lambda w: w.stop("late"),
    lambda w: w.change_plan(json.dumps({"seed": 8}), []),
    lambda w: w.start_stage(1, [1, 0]),
    lambda w: w.finish_stage(
        [Confirmation(1, n, 0.5, 3, None, DONE) for n in (0, 1)], NONE_CONFIRMED
    ),
    lambda w: w.conclude(NONE_CONFIRMED),
    lambda w: w.open_test(1),
    lambda w: w.finish_test(0.5, None),
    lambda w: w.complete(),
]


def told(storage: str) -> dict[str, list[str]]:
    """All that is in the database, but for times, the numbers of rows and the lease."""
    found = rows(storage)
    del found["hpo_leases"]
    numbers = {row["trial_id"]: row["number"] for row in found["trials"]}
    said = {}
    for name, table in found.items():
        for row in table:
            row["trial"] = numbers.get(row.get("trial_id"))
            for column in list(row):
                at_another_time = isinstance(row[column], datetime) and row[column] != DONE
                if column.endswith("_id") or at_another_time:
                    del row[column]
        said[name] = sorted(map(repr, table))
    return said


@pytest.mark.parametrize(
    "cut", ["commit", "answer", pytest.param("late commit", marks=pytest.mark.slow)]
)
def test_a_write_whose_commit_was_cut_off_is_done_once(
    cut: Cut, line: Line, through: str, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    if cut != "late commit":  # the server is there at once
        monkeypatch.setattr(patience, "FIRST_PAUSE", 0.01)
    with postgres.database() as undisturbed:
        with create_store(undisturbed) as store, store.create_study("s", **NEW) as alone:
            returned = [write(alone) for write in WRITES]
        with open_store(through) as store:
            store.table("trials")
            line.cut = cut
            with store.create_study("s", **NEW) as writer:
                assert line.cuts == 1
                for number, write in enumerate(WRITES):
                    line.cut = cut
                    got = write(writer)
                    assert line.cuts == number + 2
                    if isinstance(got, list):
                        assert got == returned[number]
                line.cut = cut
            assert line.cuts == len(WRITES) + 2
            assert store.study("s").holder is None
        assert told(through) == told(undisturbed)


@pytest.mark.parametrize("cut", CUTS)
def test_a_study_is_held_by_the_one_whose_commit_was_cut_off(
    cut: Cut, line: Line, through: str
) -> None:
    with open_store(through) as store:
        with store.create_study("s", **NEW):
            pass
        line.cut = cut
        with store.hold("s") as writer:
            assert line.cut is None
            writer.start_round(0, 3, {})
            with pytest.raises(LeaseError, match="is held by process"):
                store.hold("s")
        with pytest.raises(StudyExistsError):
            store.create_study("s", **NEW)


@pytest.mark.parametrize("cut", CUTS)
def test_who_was_taken_over_while_the_line_was_cut_writes_nothing_more(
    cut: Cut, line: Line, through: str, postgres_storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    takers: list[Writer] = []
    with open_store(through) as store, open_store(postgres_storage) as other:
        writer = store.create_study("s", **NEW)
        writing = store.writing

        @contextmanager
        def taken_over_meanwhile() -> Iterator[Any]:
            if line.cut is None and not takers:  # it is about to try again
                takers.append(other.hold("s", take_over=True))
            with writing() as connection:
                yield connection

        monkeypatch.setattr(store, "writing", taken_over_meanwhile)
        line.cut = cut
        with pytest.raises(LeaseError, match="was taken over by another process"):
            writer.start_round(0, 3, {})
        # It was committed before that, or was not and never is.
        assert len(other.rounds(writer.study_id)) == (cut != "commit")
        takers[0].start_round(1, 3, {})


def test_what_is_read_when_the_server_restarts_is_read_again(
    postgres: Server, postgres_storage: str
) -> None:
    with create_store(postgres_storage) as store, store.create_study("s", **NEW) as writer:
        writer.start_round(0, 3, {})
        begun = 0

        def read() -> tuple[int, str]:
            nonlocal begun
            begun += 1
            rounds = store.rounds(writer.study_id)
            if begun == 1:
                postgres.restart()
            return len(rounds), store.study("s").metric

        assert store.read(read) == (1, "accuracy")
        assert begun == 2
        writer.start_batch(0, [{"x": 0.5}], X)
        postgres.restart()
        writer.finish_batch([result(0, 0.5)])
        postgres.restart()
    study = studies.load("s", postgres_storage)
    assert study.best is not None
    assert (study.best.value, study.read().record.state) == (0.5, "interrupted")


def write_without(stopped: Server, writer: Writer) -> None:
    stopped.stop("immediate")
    began = time.monotonic()
    try:
        writer.start_round(0, 3, {})
    finally:
        assert 0.5 < time.monotonic() - began < 50


def test_a_server_that_does_not_come_back_is_told_in_one_line_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 1.0)
    with server() as own, create_store(own.url("postgres")) as store:
        with pytest.raises(StoreError) as raised, store.create_study("s", **NEW) as writer:
            write_without(own, writer)
        own.start()
        says = str(raised.value)
        assert "Connection refused; tried again for 1 s" in says
        assert says.endswith("; when it is back, go on with hpo resume s")
        assert "\n" not in says
        assert "canary" not in says
        # What could not be given back is still held by this process, which lives.
        with store.hold("s", take_over=True) as again:
            again.start_round(0, 3, {})


def test_other_errors_are_not_tried_again(postgres_storage: str) -> None:
    tries = 0
    with create_store(postgres_storage) as store:

        def ask() -> None:
            nonlocal tries
            tries += 1
            with store.writing() as connection:
                connection.exec_driver_sql("SELECT 1 FROM nowhere")

        with pytest.raises(StoreError, match="nowhere") as raised:
            patience.patiently(ask)
    assert tries == 1
    assert not isinstance(raised.value, ConnectionLostError)


@pytest.mark.parametrize("to", [open_store, create_store])
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("database", 'database "nowhere" does not exist'),
        ("password", "password authentication failed"),
        ("port", "Connection refused"),
    ],
)
def test_a_server_that_was_never_reached_is_told_at_once(
    wrong: str, says: str, to: Callable[[str], Store], postgres: Server
) -> None:
    url = postgres.url("nowhere")
    if wrong == "password":
        url = postgres.url("postgres").replace("canary", "wrong")
    if wrong == "port":
        url = url.replace(str(postgres.port), "1")
    with pytest.raises(StoreError, match=says) as raised:
        to(url)
    assert "tried again" not in str(raised.value)
    assert "canary" not in str(raised.value)
    assert "\n" not in str(raised.value)
