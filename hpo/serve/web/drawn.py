"""What pages show of a study and is heavy to render: figures, and the body of the report.

The functions of this module run in a process of the service's pool. They read the study anew, so a page that is open
for long shows what is stored now.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd
from markupsafe import Markup

from studies import plots
from studies.analysis import frames
from studies.pages import report
from studies.pages.drawings import Sections
from studies.pages.pictures import Picture
from studies.study import Study

MOST_COMPARED = 4


def report_body(url: str, name: str, address: str) -> str:
    """The report of a study as a part of its page: its figures are images at `address`, and trials have pages there."""
    from hpo.serve.web.rendering import environment

    summary, *of_study = _frames(url, name)
    contents = report.contents(summary, *of_study, commands=False)
    if "source" in contents["plan"]:  # where the file is on this machine is nobody's business
        contents["plan"]["source"] = contents["plan"]["source"].rpartition("/")[2]
    made = environment().overlay()
    report.add_words(made)
    made.globals |= {
        "of_trial": partial(_link, address),
        "address_of": lambda picture: f"{address}/figures/{picture.key}.svg",
    }
    return made.get_template("report_body.html.j2").render(contents)


def figure(url: str, name: str, key: str) -> bytes:
    """A figure of the report as an SVG; empty if the report of this study has none of that key."""
    summary, *of_study = _frames(url, name)
    if summary.record.several:
        return b""
    for pictures in Sections(summary, *of_study).pictures().values():
        for picture in pictures:
            if isinstance(picture, Picture) and picture.key == key:
                return plots.svg(picture.draw())
    return b""


def curves_of_trial(url: str, name: str, number: int) -> bytes:
    """The curves of one trial."""
    study = Study(name, url)
    one = study.trial(number)
    epochs = pd.DataFrame({metric: pd.Series(points) for metric, points in one.curves.items()})
    epochs.insert(0, "epoch", range(1, len(epochs) + 1))
    return plots.svg(plots.trial(epochs, goal=study.read().goal))


def compared(url: str, names: Sequence[str]) -> bytes:
    """The curves of several studies of one metric."""
    shown = []
    for name in names:
        study = Study(name, url)
        shown.append(plots.OfStudy(name, study.trials_frame(), study.epochs_frame()))
    goal = Study(names[0], url).read().goal
    return plots.svg(plots.compared(shown, goal=goal))


def _frames(url: str, name: str) -> tuple[Any, Any, Any, Any, Any]:
    study = Study(name, url)
    summary = study.read()
    return (
        summary,
        study.trials_frame(),
        study.epochs_frame(),
        frames.rounds_frame(summary.rounds),
        frames.finalists_frame(summary.finalists, summary.searched),
    )


def _link(address: str, trial: object) -> Markup:
    return Markup('<a href="{0}/trials/{1}">{1}</a>').format(address, trial)
