"""The output of the command line: files written whole or not at all, stdout on a full disk, quiet drawing."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from hpo.cli.signals import signals
from studies.words import finite

STDOUT = Path("-")


def write(path: Path, content: bytes) -> None:
    """Write a file, or to stdout. An old file stays until the new content is complete."""
    from studies.analysis.export import write_whole

    if path == STDOUT:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    with writing(path), signals.later():
        write_whole(path, content)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says against writing there into one line."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"can't write {path}: {error.strerror}") from None


def flush() -> None:
    """Flush stdout.

    Raises:
        OSError: the disk is full.
    """
    try:
        sys.stdout.flush()
    except AttributeError:  # None, since it was closed when the program began
        return
    except OSError:
        # Otherwise Python would flush, and fail, again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


@contextmanager
def stdout_for_results() -> Iterator[None]:
    """Inside, what is printed on stdout goes to stderr, also by libraries in C and by processes that are begun."""
    try:
        sys.stdout.flush()
        before = os.dup(1)
        os.dup2(2, 1)
    except (OSError, AttributeError):  # one of them is closed
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):
            sys.stdout.flush()
        os.dup2(before, 1)
        os.close(before)


def json_text(data: Any) -> str:
    """Data as JSON. NaN and infinities, which JSON lacks, become null."""
    return json.dumps(finite(data), indent=2, allow_nan=False)


def say(line: str) -> None:
    """Print a line on stderr; a full disk is ignored."""
    with suppress(OSError):
        click.echo(line, err=True)


def no_room(error: Exception) -> str | None:
    """The message for an error by a full disk behind stdout; None for any other error."""
    if not isinstance(error, OSError) or error.filename is not None:
        return None
    full = error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
    return f"can't write to stdout: {error.strerror}" if full else None


def show_page(page: Path) -> None:
    """Open a page in the user's browser, or say that there is none."""
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        say(f"no browser could be started: open {page} yourself")


@contextmanager
def drawing(folder: Path) -> Iterator[None]:
    """Draw without matplotlib's messages about its cache, and say warnings in one line.

    If its cache folder is read-only, matplotlib makes a temporary one, which is removed here. It is made in `folder` if
    there is no other temporary folder.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        tempfile.gettempdir()
    except OSError:
        tempfile.tempdir = str(folder.resolve())
    before = os.environ.get("MPLCONFIGDIR")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: say(f"Note: {message}")
            yield
    finally:
        cache = os.environ.get("MPLCONFIGDIR")
        if cache and cache != before:
            shutil.rmtree(cache, ignore_errors=True)
