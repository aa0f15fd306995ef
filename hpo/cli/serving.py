"""The command that runs the service."""

from __future__ import annotations

from pathlib import Path

import click

from hpo.cli.options import storage_option
from hpo.cli.output import say, write

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address where it listens."
)
@click.option(
    "--port", default=8517, show_default=True, type=click.IntRange(0, 65535),
    help="The port; 0 is any free one.",
)  # fmt: skip
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=Path("hpo-serve"),
    show_default=True, metavar="DIR", help="Where data sets and models are kept.",
)  # fmt: skip
@click.option(
    "--config", type=FILE, metavar="FILE.toml", help="Settings and limits; options override them."
)
@click.option(
    "--init", type=FILE, metavar="FILE.toml",
    help="Write a file for --config with every setting explained, and end.",
)  # fmt: skip
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N",
    help="How many searches run at the same time. [default: 1]",
)  # fmt: skip
@click.option("--tls-cert", type=FILE, metavar="FILE.pem", help="The certificate, for https.")
@click.option("--tls-key", type=FILE, metavar="FILE.pem", help="Its key, if not in the same file.")
@click.option(
    "--insecure", is_flag=True,
    help="Let other machines come without TLS: whoever can listen on the network can read and use every token, and "
    "read and change what is sent. For networks that you trust.",
)  # fmt: skip
@click.option(
    "--allow-host", "allow_hosts", multiple=True, metavar="NAME",
    help="A name by which it may be called, as behind a proxy, whose X-Forwarded headers are then believed. Everybody "
    "needs a token then.",
)  # fmt: skip
@storage_option
def serve(
    host: str,
    port: int,
    folder: Path,
    config: Path | None,
    init: Path | None,
    jobs: int | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    insecure: bool,
    allow_hosts: tuple[str, ...],
    storage: str,
) -> None:
    """Run the service: searches for a team, over HTTP and on pages.

    On this machine alone, nobody needs a token until one is made (hpo token create). With another --host it needs
    tokens, and TLS.

    \b
    hpo serve
    hpo serve --init serve.toml
    hpo serve --config serve.toml --jobs 2
    hpo serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem
    """
    if init is not None:
        _write_settings(init)
        return
    from hpo.serve import check_installed

    check_installed()
    from hpo.serve.running import Options, run

    options = Options(
        host=host, port=port, folder=folder, storage=storage, config=config, jobs=jobs,
        tls_cert=tls_cert, tls_key=tls_key, insecure=insecure, allow_hosts=allow_hosts,
    )  # fmt: skip
    run(options, say)


def _write_settings(file: Path) -> None:
    from hpo.serve.settings import Settings, as_toml

    if file.exists():
        raise click.ClickException(f"{file} exists already: choose another name")
    write(file, as_toml(Settings()).encode())
    say(f"{file} written")
