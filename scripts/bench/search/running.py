"""Searches of ours as a benchmark runs them, many of them side by side, and how sure their means are."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

import hpo
from studies import Study

T = TypeVar("T")
Floats = NDArray[np.float64]
MEMORY = Path("/dev/shm")  # noqa: S108  # where a disk would only take time


@contextmanager
def searched(source: Any, **plan: Any) -> Iterator[Study]:
    """`hpo.search` into a database that is gone afterwards."""
    if callable(source):
        plan["executor"] = "threads"  # of this process, which counts the trainings
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        storage = f"sqlite:///{folder}/s.db"
        yield hpo.search(source, storage=storage, name="s", workers=1, progress=False, **plan)


def recommended(study: Study) -> dict[str, Any]:
    """The parameters that a search of ours ends with."""
    params: dict[str, Any] = study.summary()["recommended"]["params"]
    return params


def each(function: Callable[..., T], arguments: Iterable[tuple[Any, ...]]) -> list[T]:
    """The function of each, on all cores."""
    with ProcessPoolExecutor() as pool:
        return list(pool.map(function, *zip(*arguments, strict=True), chunksize=2))


def as_they_come(
    function: Callable[..., T], arguments: Iterable[tuple[Any, ...]]
) -> Iterator[tuple[tuple[Any, ...], T]]:
    """The arguments and the function of each, on all cores, in the order in which they are done."""
    with ProcessPoolExecutor() as pool:
        jobs = {pool.submit(function, *each): each for each in arguments}
        try:
            for job in as_completed(jobs):
                yield jobs[job], job.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def mean_and_error(values: Floats) -> str:
    """The mean of (landscapes, searches) and its standard error."""
    error = np.sqrt((values.var(axis=1, ddof=1) / values.shape[1]).sum()) / len(values)
    return f"{values.mean():.4g} ± {error:.2g}"


class Interval(NamedTuple):
    """A mean, and its 95 % interval."""

    mean: float
    low: float
    high: float

    def __format__(self, digits: str) -> str:
        mean, low, high = (format(value, digits) for value in self)
        return f"{mean} ({low} … {high})"


def ratio(ours: Floats, theirs: Floats) -> Interval:
    """The ratio of two means over (landscapes, searches), and its 95 % interval by the bootstrap."""
    from scipy import stats

    found = stats.bootstrap(
        (ours.mean(axis=0), theirs.mean(axis=0)),
        lambda a, b, axis: a.mean(axis=axis) / b.mean(axis=axis),
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(float(ours.mean() / theirs.mean()), float(found.low), float(found.high))


def difference(gains: Floats, method: str = "BCa") -> Interval:
    """The mean difference of pairs, with its 95 % interval by the bootstrap."""
    from scipy import stats

    found = stats.bootstrap(
        (gains,), np.mean, method=method, rng=np.random.default_rng(0)
    ).confidence_interval
    return Interval(float(gains.mean()), float(found.low), float(found.high))
