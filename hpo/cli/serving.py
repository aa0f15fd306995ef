"""The command that runs the service."""

from __future__ import annotations

from pathlib import Path

import click

from hpo.cli.options import storage_option
from hpo.cli.output import say


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where it listens.")
@click.option(
    "--port", default=8517, show_default=True, type=click.IntRange(0, 65535), help="On which port."
)
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=Path("hpo-serve"), show_default=True,
    help="Where data sets and models are kept.",
)  # fmt: skip
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE.toml", help="Settings and limits."
)
@storage_option
def serve(host: str, port: int, folder: Path, config: Path | None, storage: str) -> None:
    """Run the service: searches for a team, over HTTP and on pages.

    \b
    hpo serve
    """
    from hpo.serve.running import run

    say(f"hpo serves on http://{host}:{port}")
    run(host, port, folder=folder, config=config, storage=storage)
