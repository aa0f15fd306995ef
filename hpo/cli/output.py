"""What the command line writes to: files that are whole or not there, stdout that may be full, and drawing quietly."""

from __future__ import annotations

import errno
import json
import logging
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from hpo.cli.signals import signals


def write(path: Path, content: bytes) -> None:
    """Write a file. What was there before is there until all of the new content is."""
    from studies.analysis.export import write_whole

    try:
        with signals.later():
            write_whole(path, content)
    except OSError as error:
        raise click.ClickException(f"can't write {path}: {error.strerror}") from None


def flush() -> None:
    """Send off what was printed.

    Raises:
        OSError: there is no room for it.
    """
    try:
        sys.stdout.flush()
    except OSError:
        # It would be tried again, and told again, when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def json_text(data: Any) -> str:
    """Data as JSON, which knows neither NaN nor infinities: they are null."""
    return json.dumps(_finite(data), indent=2, allow_nan=False)


def _finite(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [*map(_finite, data)]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def say(line: str) -> None:
    """Print a line on stderr, if there is room for it."""
    with suppress(OSError):
        click.echo(line, err=True)


def no_room(error: Exception) -> str | None:
    """What to say of an error that a full disk behind stdout made; None of any other."""
    if not isinstance(error, OSError) or error.filename is not None:
        return None
    full = error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
    return f"can't write to stdout: {error.strerror}" if full else None


def show_page(page: Path) -> None:
    """Open a page in the user's browser; where there is none, say so."""
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        say(f"no browser could be started: open {page} yourself")


@contextmanager
def drawing(folder: Path) -> Iterator[None]:
    """Draw without a word of matplotlib's on where it keeps its cache.

    Where its own place can't be written to it takes a temporary one, which is removed; where there is room for that
    nowhere else, in `folder`.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        tempfile.gettempdir()
    except OSError:
        tempfile.tempdir = str(folder.resolve())
    before = os.environ.get("MPLCONFIGDIR")
    try:
        yield
    finally:
        made = os.environ.get("MPLCONFIGDIR")
        if made and made != before:
            shutil.rmtree(made, ignore_errors=True)
