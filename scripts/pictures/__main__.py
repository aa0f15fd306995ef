"""The pictures of the README and docs/how_to/look.md, of a search that is made for them: scripts/pictures/make."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text

import hpo
from hpo.display.summary import summary
from studies import Study

FOLDER = Path(__file__).resolve().parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDTH, SCALE = 900, 1.5
TOP, EVIDENCE = 800, 1060  # pixels of the page, from the top and from the ranges on


def terminal(study: Study) -> str:
    """What `hpo search digits` leaves on a terminal of 80 columns, as SVG."""
    console = Console(record=True, width=80, file=io.StringIO(), force_terminal=True)
    console.print(Text("$ hpo search digits", "bold"))
    for part in summary(study):
        console.print(part, crop=False)
    drawn = console.export_svg(title="hpo", unique_id="hpo")
    drawn = re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.S)  # nothing is loaded from elsewhere
    return drawn.replace("Fira Code", "ui-monospace")


def pictures(page: str, folder: Path) -> None:
    """The answer at the top of the report, and the evidence from its ranges on."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        sys.exit("no Chromium: install the package chromium")
    begin = page.index("<body>") + len("<body>")
    ranges = page.index("<h2>How the ranges moved")
    for name, shown, height in (
        ("answer", page, TOP),
        ("evidence", page[:begin] + "<main style='margin-top: -4rem'>" + page[ranges:], EVIDENCE),
    ):
        source, target = folder / f"{name}.html", folder / f"{name}.png"
        source.write_text(shown, encoding="utf-8")
        subprocess.run(
            [
                program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                f"--force-device-scale-factor={SCALE}", f"--window-size={WIDTH},{height}",
                f"--screenshot={target}", source.as_uri(),
            ],
            check=True, capture_output=True,
        )  # fmt: skip
        with Image.open(target) as image:
            image.convert("RGB").quantize(64).save(FOLDER / f"report-{name}.png", optimize=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        study = hpo.search("digits", storage="sqlite:///hpo.db")
        (FOLDER / "terminal.svg").write_text(terminal(study), encoding="utf-8")
        pictures(study.report(), Path(folder))


if __name__ == "__main__":
    main()
