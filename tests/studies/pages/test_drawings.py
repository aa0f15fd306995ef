"""Figures as files: every one of them, as SVG and PNG, the same to the last byte."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PIL import Image

from studies import Study
from studies.plots import png, svg
from studies.plots.study_plots import NAMES, Plots


@pytest.mark.slow
def test_every_figure_is_written_as_svg_and_png(study: Study, tmp_path: Path) -> None:
    folder = tmp_path / "made" / "plots"
    files = study.write_plots(folder)
    assert sorted(files) == sorted(folder.iterdir())
    assert {f.stem for f in files} == {*NAMES, "history_by_epochs"}
    for file in files:
        if file.suffix == ".png":
            with Image.open(file) as image:
                assert min(image.size) > 200
                assert len(image.getcolors(1 << 24) or ()) > 2
        else:
            root = ET.fromstring(file.read_bytes())  # noqa: S314  # our own
            assert root.tag.endswith("svg")
    again = study.plot.parallel()
    assert (folder / "parallel.svg").read_bytes() == svg(again)
    assert (folder / "parallel.png").read_bytes() == png(again)


def test_every_figure_of_a_study_has_a_name_among_the_files() -> None:
    drawn = {name for name in vars(Plots) if not name.startswith("_")} - {"each"}
    assert drawn == set(NAMES)
