"""Where populations run: our own threads, with BLAS held to one thread each.

Small products are slower on many BLAS threads than on one, and a product split among threads may round otherwise
than one that is not. One BLAS thread makes both the speed and the numbers independent of how many cores there are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager


def default_workers() -> int:
    """The number of cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS or Windows
        return os.cpu_count() or 1


@contextmanager
def threads(workers: int) -> Iterator[Executor]:
    """`workers` threads, BLAS pinned to one thread for as long as they live (set from the calling thread)."""
    from threadpoolctl import threadpool_limits

    with (
        threadpool_limits(limits=1, user_api="blas"),
        ThreadPoolExecutor(workers, thread_name_prefix="population") as pool,
    ):
        yield pool
