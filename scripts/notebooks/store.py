"""Run the notebook from top to bottom in an empty folder, and store it with its outputs.

.venv/bin/python scripts/notebooks/store.py
"""

from __future__ import annotations

import base64
import io
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image

NOTEBOOK = Path(__file__).with_name("analysis.ipynb")
COLOURS = 64  # of a stored figure, which makes it a third as large


def main() -> None:
    book: Any = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory() as folder:
        where = {"metadata": {"path": folder}}
        NotebookClient(book, timeout=120, kernel_name="python3", resources=where).execute()
    book.metadata["language_info"] = {"name": "python"}
    for cell in book.cells:
        cell.metadata.pop("execution", None)  # when it ran
        for output in cell.get("outputs", ()):
            if figure := output.get("data", {}).get("image/png"):
                output.data["image/png"] = smaller(figure)
    nbformat.write(book, NOTEBOOK)  # type: ignore[no-untyped-call]


def smaller(figure: str) -> str:
    png = io.BytesIO()
    picture = Image.open(io.BytesIO(base64.b64decode(figure))).convert("RGB")
    picture.quantize(COLOURS).save(png, "PNG", optimize=True)
    return base64.b64encode(png.getvalue()).decode()


if __name__ == "__main__":
    main()
