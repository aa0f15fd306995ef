"""The command, its tables and its page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.book import __main__ as command
from scripts.book import gradients, normalizing, results, tables
from scripts.book.training import losses, minibatches, smooth
from trainer.recipe import Recipe


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(command, "HERE", tmp_path)
    monkeypatch.setattr(gradients, "FULL", gradients.QUICK)
    monkeypatch.setattr(normalizing, "FULL", normalizing.QUICK)
    return tmp_path


def test_a_run_says_that_it_has_a_stand_in_and_writes_apart_from_the_books_results(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.main(["normalizing", "gradients", "--data", str(here / "nowhere")])
    told = capsys.readouterr().out
    assert "smaller stand-in" in told
    assert max(len(line) for line in told.splitlines() if "RESULTS.md" not in line) <= 80
    page = (here / "digits" / "RESULTS.md").read_text(encoding="utf-8")
    assert page.index("## 1. Backpropagation") < page.index("## 6. Normalizing")
    for name in ("gradients", "normalizing"):
        figure = here / "digits" / "figures" / f"{name}.png"
        assert figure.read_bytes()[:4] == b"\x89PNG"
        assert figure.stat().st_size < 100_000
    assert not (here / "RESULTS.md").exists()


def test_an_experiment_that_is_not_there_is_named(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command.main(["gradient", "--data", str(here)])
    assert "there is no experiment 'gradient'" in capsys.readouterr().err


def test_every_experiment_has_all_that_the_command_asks_of_it() -> None:
    for experiment in command.EXPERIMENTS.values():
        assert experiment.FULL.seeds >= 5
        assert all(
            callable(getattr(experiment, part)) for part in ("measure", "lines", "words", "figure")
        )


def test_a_part_replaces_its_own_and_no_other(tmp_path: Path) -> None:
    page, order = tmp_path / "RESULTS.md", ("a", "b", "c")
    results.write(
        page, [results.Part("c", "third", 2), results.Part("a", "first\n\nline", 1)], order
    )
    results.write(
        page, [results.Part("c", "third, again", 4), results.Part("b", "second", 3)], order
    )
    parts = results.read(page)
    assert [part.text for part in parts.values()] == ["first\n\nline", "second", "third, again"]
    assert "seconds of each: a 1, b 3, c 4" in page.read_text(encoding="utf-8")


def test_the_committed_page_has_all_experiments_and_their_figures() -> None:
    folder = Path(command.__file__).parent
    parts = results.read(folder / "RESULTS.md")
    assert list(parts) == list(command.EXPERIMENTS)
    for name in parts:
        assert (folder / "figures" / f"{name}.png").stat().st_size < 100_000


@pytest.mark.parametrize(
    ("values", "told"), [([0.25], "0.25"), ([1.0, 3.0], "2.00 ± 1.41"), ([2, 2, 2], "2.00 ± 0.00")]
)
def test_a_spread_is_the_deviation_between_seeds(values: list[float], told: str) -> None:
    assert tables.spread(values, 2) == told


def test_minibatches_are_drawn_with_replacement() -> None:
    drawn = minibatches(10, 10, seed=0)
    assert any(len(set(next(drawn))) < 10 for _ in range(3))


def test_smooth_is_the_mean_of_a_window_and_of_what_there_is_at_first() -> None:
    curve = np.array([1.0, 3.0, 5.0, 7.0])
    assert smooth(curve, 2).tolist() == [1, 2, 4, 6]
    assert smooth(np.stack([curve, -curve], axis=1), 3)[-1].tolist() == [5, -5]


def test_a_trial_of_the_books_minibatches_does_not_feel_its_neighbours() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 8)).astype("float32"), rng.integers(3, size=60)
    recipe = Recipe(3, hidden=(7,), optimizer="sgd", batch_size=16)
    settings = [{"learning_rate": rate} for rate in (0.01, 0.1, 1.0)]
    together, alone = (
        losses(recipe, some, X, y, iterations=20, every=5, seed=3) for some in (settings, settings[1:2])
    )  # fmt: skip
    assert together.shape == (4, 3)
    assert (together[:, 1:2] == alone).all()
