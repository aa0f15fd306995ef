"""Which stacks train here and which in workers: the same figures, and never two stacks in one worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest

from tests.trainer.trainings import begin, curves, gone, run_quietly, until
from trainer import Workers, train_population, workers
from trainer.recipe import Rows
from trainer.worker import Worker

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no workers elsewhere")


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    """For two stacks; a worker is begun as soon as two have trained beside each other."""
    monkeypatch.setattr(workers, "BEGIN_AFTER", 0.0)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with Workers(2) as made:
        yield made


def test_a_stack_alone_trains_here_and_one_beside_it_in_a_worker(
    two: Workers, classes: tuple[Rows, Rows]
) -> None:
    expected = curves(None, classes)
    for _ in range(3):
        assert curves(two, classes) == expected
    assert not two._all

    def beside() -> list[Worker]:
        first = begin(two, classes)
        next(first)
        used: list[Worker] = []
        note = {0: lambda: used.extend(two._busy)}
        assert curves(two, classes, after=note) == expected
        first.close()
        return used

    assert beside() == []
    (worker,) = two._all
    until(worker.ready)
    assert beside() == [worker]
    assert not two._busy
    worker.process.kill()
    worker.process.wait()
    assert beside() == []
    assert two._all == [worker]  # one that was killed is not replaced


def test_a_worker_that_exists_is_the_first_and_is_not_closed(
    worker: Worker, classes: tuple[Rows, Rows]
) -> None:
    with Workers(2, first=worker) as two, closing(begin(two, classes)) as first:
        next(first)
        note = {0: lambda: used.extend(two._busy)}
        used: list[Worker] = []
        assert curves(two, classes, after=note) == curves(None, classes)
        assert used == [worker]
    assert worker.ready()


@pytest.mark.parametrize(("most", "cores", "after"), [(2, 2, 1e6), (2, 1, 0.0), (1, 2, 0.0)])
def test_no_worker_is_begun_where_it_is_not_worth_it(
    most: int, cores: int, after: float, classes: tuple[Rows, Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "BEGIN_AFTER", after)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    with Workers(most) as none, closing(begin(none, classes)) as first:
        next(first)
        curves(none, classes)
        assert not none._all


def test_many_stacks_on_threads_are_the_same_to_the_bit(two: Workers) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((300, 8)), rng.integers(0, 3, 300)
    settings = [{"learning_rate": float(rate)} for rate in np.geomspace(1e-3, 1, 120)]

    def train(threads: int | Workers) -> dict[str, bytes]:
        made = train_population(X, y, X, y, settings=settings, threads=threads, batch_size=100)
        return {name: values.tobytes() for name, values in made.items()}

    expected = train(1)
    assert train(3) == expected
    for _ in range(6):
        assert train(two) == expected
    (worker,) = two._all
    until(worker.ready)
    assert train(two) == expected
    assert two._all == [worker]


def test_two_stacks_never_share_a_worker(two: Workers, classes: tuple[Rows, Rows]) -> None:
    expected = curves(None, classes)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            for made in pool.map(lambda _: curves(two, classes), range(8)):
                assert made == expected


def test_a_fork_leaves_its_parents_workers_alone() -> None:
    script = """
        import os, sys, time, warnings
        import numpy as np
        from trainer import Workers
        from trainer.fit import fit
        from trainer.recipe import Recipe, Rows
        from trainer.worker import Worker

        warnings.simplefilter("ignore", DeprecationWarning)  # a fork where threads were, from Python 3.12 on
        rows = Rows(np.arange(40.0).reshape(20, 2), np.arange(20) % 2)
        def train():
            return two.training(fit, {"train": rows, "validation": rows}, Recipe(2), [{}], epochs=3, seed=0)
        with Worker() as worker, Workers(2, first=worker) as two:
            while not worker.ready():
                time.sleep(0.01)
            first, second = train(), train()
            next(first), next(second)  # the second in the worker
            assert two._busy == {worker}
            child = os.fork()
            if not child:
                assert not worker.ready()
                assert len(list(train())) == 3
                assert len(list(second)) == 2  # begun again here
                two.close()
                worker.close()
                os._exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
            assert len(list(second)) == 2
            assert worker.ready()
    """
    run_quietly(script)


def test_workers_end_quietly_with_a_call_that_began_them() -> None:
    script = """
        import os
        import numpy as np
        from trainer import train_population, worker, workers
        workers.BEGIN_AFTER = 0.0
        os.cpu_count = lambda: 2
        begun = []
        class Counted(worker.Worker):
            def __init__(self, *modules):
                super().__init__(*modules)
                begun.append(self.process)
        workers.Worker = Counted
        X = np.arange(80.0).reshape(40, 2)
        train_population(X, np.arange(40) % 2, X, np.arange(40) % 2, settings=[{}] * 160)
        process, = begun
        assert process.returncode is not None
        print(process.pid)
    """
    assert gone(int(run_quietly(script)))
