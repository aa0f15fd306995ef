"""Threads that train: BLAS is held to one thread while they live, and let go after."""

from __future__ import annotations

import os

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from hpo.executors.threads import default_workers, threads


def blas_threads() -> set[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_blas_has_one_thread_while_populations_run_and_its_own_again_after() -> None:
    before = blas_threads()
    with threads(2) as pool:
        assert pool.submit(blas_threads).result() == {1}
    assert blas_threads() == before


def test_an_error_in_the_search_also_lets_blas_go() -> None:
    before = blas_threads()
    with pytest.raises(KeyboardInterrupt), threads(1):
        raise KeyboardInterrupt
    assert blas_threads() == before


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="only Linux pins processes to cores"
)
def test_the_default_is_the_cores_this_process_may_use() -> None:
    cores = os.sched_getaffinity(0)
    assert default_workers() == len(cores)
    try:
        os.sched_setaffinity(0, {min(cores)})
        assert default_workers() == 1
    finally:
        os.sched_setaffinity(0, cores)
