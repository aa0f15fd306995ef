"""`kill -9` at a hundred random instants, on both stores: what is resumed equals what was left alone."""

# Law 2: the same seed gives the same study.
# Law 5: nothing that is finished is lost.

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import postgres


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_a_search_killed_at_100_random_instants_equals_one_left_alone(
    store: str, tmp_path: Path
) -> None:
    if store == "postgresql" and postgres.binaries() is None:
        pytest.skip("no PostgreSQL server here: apt-get install postgresql")
    server = ["--postgres"] if store == "postgresql" else []
    done = subprocess.run(
        [sys.executable, "-m", "scripts.bench.crash", "--kills", "100", *server],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HPO_BENCH_RESULTS": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert "all equal the one left alone" in done.stdout
