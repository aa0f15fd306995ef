"""The events of a search as its record grows: none is missing and none comes twice, whatever becomes of the server."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from hpo.serve.app import make_app
from hpo.serve.database import ServiceDatabase
from hpo.serve.live import events, watching
from hpo.serve.service import Service
from hpo.serve.settings import Settings
from hpo.serve.tables import jobs, searches
from studies.database.engine import now
from studies.database.reader import Reader
from studies.database.records import Conclusion, Confirmation, Finalist, Result
from studies.database.store import Store
from studies.database.writer import Writer
from tests.hpo.serve.viewers import Viewer, viewing
from tests.studies.stores import DONE, SETTING, SPACE

Made = Callable[..., tuple[Service, FastAPI]]


@pytest.fixture
def serve(storage: str, tmp_path: Path, store: Store) -> Iterator[Made]:
    """Makes a service over the storage, as if it were started again."""
    services: list[Service] = []
    apps: list[FastAPI] = []

    def made(**settings: Any) -> tuple[Service, FastAPI]:
        service = Service(Settings(**settings), ServiceDatabase(store.url), tmp_path)
        services.append(service)
        apps.append(make_app(service))
        return service, apps[-1]

    yield made
    for service, app in zip(services, apps, strict=True):
        app.state.watches.close()
        service.database.close()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch looks more often than it should on a server."""
    monkeypatch.setattr(watching, "INTERVAL_SECONDS", 0.02)
    monkeypatch.setattr(watching, "REST", 0)


def add_search(service: Service, name: str = "s") -> None:
    with service.database.writing() as connection:
        connection.execute(
            sa.insert(searches).values(
                name=name, owner="ann", shared=False, kind="network", plan="{}", created=now()
            )
        )


def end(writer: Writer, *values: float | None) -> None:
    """Trials of one more batch end."""
    numbers = writer.start_batch(0, [SETTING] * len(values), SPACE)
    writer.finish_batch([ended(n, v) for n, v in zip(numbers, values, strict=True)])


def ended(number: int, value: float | None) -> Result:
    if value is None:
        return Result(number, "failed", None, {}, "accuracy", DONE)
    return Result(number, "complete", value, {}, "accuracy", DONE)


def confirm(writer: Writer, stage: int, value: float) -> None:
    writer.start_stage(stage, [0])
    finalist = Finalist(0, [value] * stage, value, None, None)
    writer.finish_stage([Confirmation(stage, 0, value, 4, None, now())], Conclusion(4, [finalist]))


def run(work: Awaitable[None]) -> None:
    async def within() -> None:
        async with asyncio.timeout(60):
            await work

    asyncio.run(within())


def test_a_viewer_sees_what_was_and_what_comes(serve: Made, writer: Writer) -> None:
    service, app = serve()
    add_search(service)
    end(writer, 0.25, None, math.inf)

    async def work() -> None:
        async with viewing(app, "s") as viewer:
            await viewer.until(lambda v: v.of("state") and v.of("progress"))
            assert viewer.status == 200
            assert viewer.headers["content-type"].startswith("text/event-stream")
            assert viewer.of("trial") == [
                {"trial": 0, "state": "complete", "value": 0.25, "params": SETTING, "round": 0},
                {"trial": 1, "state": "failed", "value": None, "params": SETTING, "round": 0},
                {"trial": 2, "state": "complete", "value": None, "params": SETTING, "round": 0},
            ]
            assert viewer.of("state") == [{"state": "running", "reason": None}]
            writer.start_round(0, 4, {"rate": {"low": 0, "high": 1}})
            writer.judge_round(0, {"rate": {"action": "kept"}}, {"rate": {"low": 0, "high": 1}})
            end(writer, 0.75)
            await viewer.until(lambda v: len(v.of("trial")) == 4 and v.of("round"))
            assert viewer.of("round")[0]["verdicts"] == {"rate": {"action": "kept"}}
            assert viewer.of("progress")[-1]["best"] == {"trial": 3, "value": 0.75}
            confirm(writer, 1, 0.5)
            await viewer.until(lambda v: v.of("recommended"))
            assert viewer.of("stage")[0]["trainings"] == [{"trial": 0, "value": 0.5, "error": None}]
            assert viewer.of("recommended")[0]["params"] == SETTING
            writer.open_test(0)
            writer.finish_test(0.4, None, (0.3, 0.5))
            writer.complete()
            writer.__exit__(None, None, None)
            await viewer.until(lambda v: v.ended)
            assert viewer.of("test") == [{"trial": 0, "value": 0.4, "ci95": [0.3, 0.5]}]
            assert viewer.of("state")[-1]["state"] == "done"
            assert viewer.of("progress")[-1]["done"] == 5
        async with viewing(app, "s", viewer.cursor) as again:
            assert again.status == 204  # a browser does not connect again

    run(work())


def test_a_viewer_that_comes_back_has_everything_once_also_after_restarts(
    serve: Made, writer: Writer
) -> None:
    seen: list[tuple[str, Any]] = []
    cursor = ""
    add_search(serve()[0])

    async def work(app: FastAPI, cut: int) -> None:
        nonlocal cursor
        async with viewing(app, "s", cursor) as viewer:
            await viewer.until(lambda v: v.ended or sum(bool(e.cursor) for e in v.events) > cut)
        had = [event for event in viewer.events if event.cursor][: cut + 1]
        seen.extend((event.kind, event.data) for event in had)
        cursor = had[-1].cursor if had else cursor

    for step in range(8):
        end(writer, *[0.1 * step] * 3)
        if step % 3 == 0:
            writer.start_round(step // 3, 4, {})
            writer.judge_round(step // 3, {}, {})
        _, app = serve()
        run(work(app, step % 4))
    writer.complete()
    writer.__exit__(None, None, None)
    run(work(serve()[1], 1000))
    trials = [data["trial"] for kind, data in seen if kind == "trial"]
    assert trials == [*range(24)]
    assert [data["round"] for kind, data in seen if kind == "round"] == [0, 1, 2]


def test_trials_that_end_out_of_order_are_each_sent_once(serve: Made, writer: Writer) -> None:
    service, app = serve()
    add_search(service)
    numbers = writer.start_batch(0, [SETTING] * 6, SPACE)

    async def work() -> None:
        async with viewing(app, "s") as viewer:
            for some in ([4, 1], [5], [0, 3], [2]):
                writer.finish_batch([ended(numbers[k], 0.5) for k in some])
                await viewer.until_has(len(viewer.of("trial")) + len(some), "trial")
            assert [e["trial"] for e in viewer.of("trial")] == [1, 4, 5, 0, 3, 2]
            first = next(e.cursor for e in viewer.events if e.kind == "trial")
            assert first.split(".")[1] == "0-2"
        async with viewing(app, "s", query=f"since={first}") as back:
            await back.until_has(5, "trial")
            assert [e["trial"] for e in back.of("trial")] == [0, 2, 3, 4, 5]

    run(work())


def test_a_hostile_cursor_is_told_so_and_gets_everything(serve: Made, writer: Writer) -> None:
    service, app = serve()
    add_search(service)
    end(writer, 0.5, 0.5)
    ahead = "0123abcd.999999999-ffff.r9.s9.c9.t1.done"

    async def work() -> None:
        for cursor in ("\x00\xff", "9" * 50_000, ahead, "../x", "<script>", "%00"):
            async with viewing(app, "s", cursor) as viewer:
                await viewer.until(lambda v: v.of("state"))
                assert viewer.events[0].kind == "reset"
                assert len(viewer.of("trial")) == 2

    run(work())


def test_a_search_that_waits_has_a_state_and_one_that_failed_a_reason(
    serve: Made, store: Store
) -> None:
    service, app = serve()
    add_search(service, "q")

    def put(**columns: Any) -> None:
        with service.database.writing() as connection:
            connection.execute(sa.update(jobs).where(jobs.c.search == "q").values(**columns))

    columns: dict[str, Any] = {"kind": "search", "search": "q", "owner": "ann", "request": "{}"}
    columns |= {"state": "queued", "wanted": "run", "created": now(), "progress": 0, "deaths": 0}
    columns = {name: value for name, value in columns.items() if name in jobs.c}
    with service.database.writing() as connection:
        connection.execute(sa.insert(jobs).values(columns))

    async def work() -> None:
        async with viewing(app, "q") as viewer:
            await viewer.until(lambda v: v.of("state"))
            put(state="failed", reason="it failed")
            await viewer.until(lambda v: v.ended)
            assert [e["state"] for e in viewer.of("state")] == ["queued", "failed"]
            assert viewer.of("state")[-1]["reason"] == "it failed"
        put(reason="it failed again")
        async with viewing(app, "q", viewer.cursor) as back:
            await back.until(lambda v: v.ended)
            assert back.of("state") == [{"state": "failed", "reason": "it failed again"}]

    run(work())


def test_streams_end_at_once_when_the_service_stops(serve: Made, writer: Writer) -> None:
    service, app = serve()
    add_search(service)

    async def work() -> None:
        async with viewing(app, "s") as one, viewing(app, "s") as other:
            await one.until(lambda v: v.of("state"))
            began = time.monotonic()
            service.stopping.set()
            await one.until(lambda v: v.ended)
            await other.until(lambda v: v.ended)
            assert time.monotonic() - began < 10  # a heartbeat comes after 15 seconds

    run(work())


def test_all_viewers_share_one_reader_who_ends_with_the_last(
    serve: Made, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, app = serve()
    add_search(service)
    end(writer, *[0.5] * 300)  # more than are sent at once

    async def work() -> None:
        async with asyncio.TaskGroup() as group:

            async def view() -> Viewer:
                async with viewing(app, "s") as viewer:
                    await viewer.until_has(303, "trial")
                return viewer

            tasks = [group.create_task(view()) for _ in range(20)]
            while app.state.watches.viewers < 20:
                await asyncio.sleep(0.01)
            end(writer, 0.1, 0.2, 0.3)
        for task in tasks:
            assert [e["trial"] for e in task.result().of("trial")] == [*range(303)]
        assert app.state.watches.viewers == 0
        await asyncio.sleep(0.1)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    readers: list[Reader] = []
    original = service.database.reader

    def reader() -> Reader:
        readers.append(original())
        return readers[-1]

    monkeypatch.setattr(service.database, "reader", reader)
    run(work())
    assert len(readers) == 1


def test_a_quiet_stream_has_heartbeats_and_who_does_not_read_is_dropped(
    serve: Made, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(events, "PATIENCE_SECONDS", 0.2)
    service, app = serve()
    add_search(service)

    async def work() -> None:
        async with viewing(app, "s") as reading, viewing(app, "s") as stuck:
            await stuck.until(lambda v: v.of("state"))
            stuck.reads = False
            await reading.until(lambda v: v.comments > 5)
            assert app.state.watches.viewers == 1

    run(work())


def test_only_so_many_can_view_and_nobody_what_is_not_theirs(serve: Made, writer: Writer) -> None:
    service, app = serve(viewers=1)
    add_search(service)

    async def work() -> None:
        async with viewing(app, "nothing") as nobody:
            assert nobody.status == 404
        async with viewing(app, "s") as first, viewing(app, "s") as second:
            assert (first.status, second.status) == (200, 503)

    run(work())


def test_a_stream_ends_after_a_while_so_that_access_is_checked_again(
    serve: Made, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "LONGEST_SECONDS", 0.0)
    service, app = serve()
    add_search(service)

    async def work() -> None:
        async with viewing(app, "s") as viewer:
            await viewer.until(lambda v: v.ended)
            assert viewer.of("state")

    run(work())
