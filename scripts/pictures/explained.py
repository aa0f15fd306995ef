"""The pictures of docs/explanations, each of searches that are made for it.

python -m scripts.pictures.explained             all of them, in docs/explanations/pictures
python -m scripts.pictures.explained luck        only this one
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from scripts.pictures.luck import luck
from scripts.pictures.narrowing import narrowing
from scripts.pictures.same_study import same_study
from scripts.pictures.storage import storage
from studies.plots import STYLE

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "explanations" / "pictures"
PICTURES: dict[str, Callable[[Path], Figure]] = {
    "narrowing": narrowing,
    "luck": luck,
    "same_study": same_study,
    "storage": storage,
}
"""Each draws its figure by searches whose databases are in the folder that it is called with."""
DPI, COLOURS = 150, 48


def write(name: str, folder: Path) -> Path:
    """Draw one picture, and write it as a small PNG into the folder."""
    folder.mkdir(exist_ok=True)
    drawn = io.BytesIO()
    with tempfile.TemporaryDirectory() as databases, rc_context(STYLE):  # type: ignore[arg-type]
        PICTURES[name](Path(databases)).savefig(drawn, dpi=DPI, facecolor="white")
    file = folder / f"{name}.png"
    with Image.open(drawn) as image:
        image.convert("RGB").quantize(COLOURS).save(file, optimize=True)
    return file


if __name__ == "__main__":  # the processes that train import this file
    for name in sys.argv[1:] or PICTURES:
        print(write(name, FOLDER))
