"""What was rendered is kept: once for all who ask at the same time, and rarely for what changes all the time."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from hpo.serve.web.kept import Kept


def test_many_who_ask_at_once_get_what_was_rendered_once() -> None:
    kept: Kept[str] = Kept(10)
    rendered = []

    def render() -> str:
        rendered.append(threading.get_ident())
        time.sleep(0.05)
        return "page"

    with ThreadPoolExecutor(16) as threads:
        pages = list(threads.map(lambda _: kept.get("key", lambda: 1, render), range(64)))
    assert pages == ["page"] * 64
    assert len(rendered) == 1


def test_while_one_renders_others_get_the_last_thing() -> None:
    kept: Kept[str] = Kept(10)
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert go_on.wait(60)
        return "new"

    kept.get("key", lambda: 1, lambda: "old")
    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(kept.get, "key", lambda: 2, slow)
        assert begun.wait(60)
        assert kept.get("key", lambda: 2, pytest.fail) == "old"
        go_on.set()
        assert late.result() == "new"
    assert kept.get("key", lambda: 2, pytest.fail) == "new"


def test_what_takes_long_rests_long_even_if_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    kept: Kept[str] = Kept(10, seconds=1.0, rest=20)

    def render() -> str:
        nonlocal now
        now += 2.0
        return f"at {now:g}"

    assert kept.get("key", lambda: now, render) == "at 2"
    now += 39
    assert kept.get("key", lambda: now, pytest.fail) == "at 2"
    now += 2
    assert kept.get("key", lambda: now, render) == "at 45"


def test_what_has_not_changed_is_not_rendered_and_what_fails_is_tried_again() -> None:
    kept: Kept[str] = Kept(2)

    def fail() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        kept.get("key", lambda: 1, fail)
    assert kept.get("key", lambda: 1, lambda: "page") == "page"
    assert kept.get("key", lambda: 1, pytest.fail) == "page"
    for other in ("b", "c"):
        kept.get(other, lambda: 1, lambda: "other")
    assert kept.get("key", lambda: 1, lambda: "again") == "again"  # it was forgotten
