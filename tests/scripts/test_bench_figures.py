"""The page of numbers: what the benchmarks record, and what docs/numbers.md makes of it."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.bench import figures, numbers_page
from scripts.bench.benchmarks import BENCHMARKS
from scripts.bench.figures import Figure, of_pairs, record

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "scripts/bench"
ABOUT = {
    "date": "2026-11-29",
    "machine": {"cores": 2, "processor": "P"},
    "versions": {"numpy": "2"},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HPO_BENCH_RESULTS", str(tmp_path / "results"))
    return tmp_path / "results"


def test_the_committed_page_is_what_the_committed_results_give(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HPO_BENCH_RESULTS")
    committed = (ROOT / "docs/numbers.md").read_text(encoding="utf-8")
    assert committed == numbers_page.page(), "run python -m scripts.bench.numbers_page"


def test_every_benchmark_is_run_by_all_and_records_its_figures() -> None:
    modules = {path.stem for path in BENCH.glob("*.py") if "__main__" in path.read_text("utf-8")}
    packages = {path.parent.name for path in BENCH.glob("*/__main__.py")}
    not_measuring = {"benchmarks", "numbers_page", "optuna_sklearn"}  # the last is a peer
    assert modules - not_measuring | packages == set(BENCHMARKS)
    assert {path.stem for path in figures.RESULTS.glob("*.json")} <= set(BENCHMARKS)
    for name in BENCHMARKS:
        files = [BENCH / f"{name}.py", *(BENCH / name).glob("*.py")]
        calls = [f for f in files if f.exists() and f'record("{name}"' in f.read_text("utf-8")]
        assert calls, name


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.booleans(), st.booleans())
def test_missed_follows_from_the_promise_and_the_figure(
    value: float, limit: float, floor: bool, is_ratio: bool
) -> None:
    least, most = (limit, None) if floor else (None, limit)
    ours, ratio = (1e9, value) if is_ratio else (value, None)
    figure = Figure("a", ours, ratio=ratio, least=least, most=most)
    assert figure.missed == (value < limit if floor else value > limit)
    assert Figure("a", value).missed is None


def test_a_figure_needs_a_value_and_has_one_promise() -> None:
    with pytest.raises(ValueError, match="'nothing'"):
        Figure("nothing", theirs=1.0)
    with pytest.raises(ValueError, match="'both'"):
        Figure("both", 1.0, least=1.0, most=2.0)


def test_pairs_give_the_median_of_their_ratios_and_not_the_ratio_of_medians() -> None:
    figure = of_pairs("a", [(1.0, 2.0), (2.0, 10.0), (4.0, 12.0)], "peer", least=4.0)
    assert (figure.ratio, figure.low, figure.high) == (3.0, 2.0, 5.0)
    assert (figure.ours, figure.theirs, figure.missed) == (2.0, 10.0, True)


def test_a_run_replaces_its_section_and_leaves_the_others(folder: Path) -> None:
    for name in ("one", "two"):
        record("crash", name, [Figure("before", 1.0)])
    other = json.loads((folder / "crash.json").read_text("utf-8"))["two"]
    record("crash", "one", [Figure("after", 2.0, "s"), Figure("more", 3)])
    one, two = figures.read("crash")
    assert (one.name, [*one.figures]) == ("one", [Figure("after", 2.0, "s"), Figure("more", 3)])
    assert json.loads((folder / "crash.json").read_text("utf-8"))["two"] == other
    assert two.name == "two"


def test_a_run_says_where_and_with_what_and_names_no_host_user_or_path(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "--folder", "/somewhere/of/mine", "--kills", "7", "."])
    record("crash", "s", [Figure("a", 1.0)], libraries=("optuna", "no-such-library"))
    (section,) = figures.read("crash")
    assert section.command == "python -m scripts.bench.crash --folder … --kills 7 …"
    assert section.machine["cores"] == os.cpu_count()
    assert {"numpy", "optuna"} <= section.versions.keys()
    assert "no-such-library" not in section.versions
    kept = (folder / "crash.json").read_text("utf-8")
    assert "somewhere" not in kept
    assert str(Path.home()) not in kept


def test_the_page_has_a_row_of_each_figure_and_names_what_is_missed() -> None:
    found = [
        Figure("fast", 1.5, "s", "Peer", 6.0, 4.0, 3.0, 5.0, least=5.0),
        Figure("small", 250.0, "MB", most=300.0),
        Figure("unpromised", 0.123456),
    ]
    figures.write("crash", "s", found, {**ABOUT, "entered": "from RESULTS.md"})
    page = numbers_page.page()
    assert "| fast | 1.5 s | Peer: 6 s | 4 × (3 … 5) | at least 5 × | **missed** |" in page
    assert "| small | 250 MB |  |  | at most 300 MB | met |" in page
    assert "| unpromised | 0.123 |  |  |  |  |" in page
    assert re.search(
        r"Of 2 promises 1 .*\n\n- What a crash leaves: fast, beside Peer, 4 × \(.*5 ×\)", page
    )
    assert "2026-11-29; 2 cores of P; numpy 2; entered from RESULTS.md." in page


def test_a_figure_that_is_no_number_is_not_kept(folder: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        record("crash", "s", [Figure("a", float("nan"))])
    assert not (folder / "crash.json").exists()
