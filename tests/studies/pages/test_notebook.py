"""What a notebook shows of a study, a trial and a finalist: tables whose every word is escaped."""

# Law 8: nothing that came from data is executed.

from __future__ import annotations

from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

import hpo
from studies import Study
from studies.database.records import Finalist, Trial
from studies.errors import StoreError

HOSTILE = '"><script>alert(1)</script>&amp;'


class Cells(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data)


def cells(thing: Study | Trial | Finalist | None) -> list[str]:
    assert thing is not None
    shown = Cells(thing._repr_html_())
    assert set(shown.tags) <= {"table", "caption", "tbody", "tr", "th", "td"}
    return shown.words


def test_a_study_shows_what_was_found(study: Study) -> None:
    words = cells(study)
    said = study.summary()
    assert words[0] == "small · complete"
    facts = dict(zip(words[1::2], words[2::2], strict=True))
    assert facts["metric"] == "rmse"
    assert facts["trials"].startswith(f"{said['trials']['complete']} complete, ")
    assert facts["best"].endswith(f" (trial {said['best']['trial']})")
    assert facts["confirmed"].endswith(f"(trial {said['recommended']['trial']})")
    assert "learning_rate " in facts["settings"]
    assert facts["range of learning_rate"].endswith(", log")
    assert "test rows" in facts


def test_its_parts_show_what_they_are(study: Study) -> None:
    best, first = study.best, study.recommended
    assert best is not None
    words = cells(best)
    assert words[0] == f"trial {best.number}"
    assert words[1:3] == ["state", "complete"]
    assert "learning_rate" in words
    assert cells(first)[0] == f"settings of trial {first.trial}" if first else False
    assert "failed" in cells(Trial(1, "failed", None, {}, {}, None, None))
    several = Trial(1, "complete", None, {}, {}, None, datetime(2026, 1, 2, 3, 4), (0.5, None))
    assert {"0.5, –", "2026-01-02 03:04 UTC"} <= set(cells(several))


def test_every_word_is_escaped(tmp_path: Path) -> None:
    assert HOSTILE in cells(Trial(1, "complete", 0.5, {HOSTILE: HOSTILE}, {}, None, None))
    url = f"sqlite:///{tmp_path / 'hpo.db'}"

    def train(params: dict[str, float], *, epochs: int, seed: int) -> float:
        return params["x"] + epochs + seed

    space = {"x": hpo.Float(0, 1), "kind": hpo.Categorical((HOSTILE, "b"))}
    made = hpo.search(train, space=space, trials=4, rounds=1, storage=url, name=HOSTILE)
    assert any(HOSTILE in word for word in cells(made))


def test_a_study_that_is_gone_says_so(storage: str, study: Study) -> None:
    assert "no database at" in cells(Study("x", storage))[2]
    with pytest.raises(StoreError):
        Study("x", storage).summary()
    assert "no study 'x'" in cells(Study("x", study.storage))[2]
