"""What tests of the report share: a page of a study made of values, and a page taken apart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import numpy as np

from studies.analysis import frames
from studies.database.engine import masked
from studies.database.records import Finalist, Round, StudyRecord, Trial
from studies.pages import report
from tests.studies.columns_of import epochs_of, frame_of, summary_of

VOID = {"meta", "link", "br", "hr", "img", "input"}
THEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
SPACE: dict[str, Any] = {
    "learning_rate": {"low": 1e-5, "high": 1.0, "log": True},
    "weight_decay": {"low": 1e-8, "high": 0.1, "log": True},
}


class Page(HTMLParser):
    """A page taken apart: its text, ids and references; wrong nesting is an error."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.tags: list[str] = []
        self.labels: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), f"{tag} has {name}"
            if name == "id":
                self.ids.append(value or "")
            elif name in ("src", "href", "xlink:href", "action", "data", "srcset"):
                self.references.append(value or "")
            elif name == "aria-label" and tag == "svg":
                self.labels.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def rendered(
    values: list[float | None],
    settings: Mapping[str, Any] | None = None,
    *,
    space: dict[str, Any] = SPACE,
    name: str = "a study",
    state: str = "complete",
    trial_state: str | None = None,
    plan: bool | dict[str, Any] = True,
    epochs: int = 10,
    finalists: Sequence[Finalist] = (),
    **fields: Any,
) -> str:
    """The report of a study of one round with these values; None is a trial that diverged. Fields are of its record."""
    settings = settings or {"learning_rate": 0.1, "weight_decay": 1e-4}
    trials = [
        Trial(
            number=n,
            state=trial_state or ("failed" if value is None else "complete"),  # type: ignore[arg-type]
            value=value,
            params=dict(settings),
            attributes={"round": 0} | ({"diverged_epoch": 1} if value is None else {}),
            started=THEN,
            finished=None if trial_state == "running" else THEN,
        )
        for n, value in enumerate(values)
    ]
    curves = [
        (n, f"{split}_accuracy", list(np.linspace(0.1, value, epochs)))
        for n, value in enumerate(values)
        if value is not None
        for split in ("train", "validation")
    ]
    verdicts = {p: {"action": "kept", "reason": f"kept: no evidence on {p}"} for p in space}
    rounds = [Round(0, len(values), space, verdicts, space)]
    record = StudyRecord(
        study_id=1,
        name=name,
        direction="maximize",
        state=state,  # type: ignore[arg-type]
        plan={
            "source": "digits",
            "target": None,
            "space": space,
            "seed": 7,
            "hidden": [50, 20],
            "trials": 9,
            "epochs": epochs,
        }
        if plan is True
        else plan or None,
        metric="accuracy",
        data_hash=None,
        provenance={
            "versions": {"python": "3.12.1", "numpy": "2.4"},
            "data": {"task": "classification"},
        },
        created=None,
        holder=None,
    )
    summary = summary_of(
        replace(record, **fields),
        trials,
        storage=masked("postgresql://me:secret@host/db"),
        rounds=rounds,
        epochs_trained=epochs * len(curves) // 2,
        finalists=finalists,
    )
    return report.render(
        summary,
        frame_of(trials, {}),
        epochs_of(curves),
        frames.rounds_frame(rounds),
        frames.finalists_frame(finalists, summary.searched),
    )
