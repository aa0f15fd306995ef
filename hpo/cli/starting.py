"""The commands to start with: init and completion."""

from __future__ import annotations

from pathlib import Path

import click

from hpo.cli.completing import SHELLS, script
from hpo.cli.output import say, write


@click.command()
@click.argument(
    "file", default="study.toml", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path)
)
def init(file: Path) -> None:
    """Write a plan with every field explained to FILE (default: study.toml; - is stdout).

    Without changes, the plan searches on digits.

    \b
    hpo init
    hpo init wine.toml
    hpo search --config study.toml
    """
    from hpo.cli.template import template

    if str(file) == "-":
        click.echo(template("study.toml"), nl=False)
        return
    if file.exists():
        raise click.ClickException(
            f"{file} exists already: choose another name, or - to print a new plan"
        )
    write(file, template(file.name).encode())
    say(f"{file} written")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script by which SHELL completes commands, options, files and the names of studies.

    \b
    hpo completion bash

    Put it where the shell looks for it, and open a new shell:

    \b
    bash  ~/.local/share/bash-completion/completions/hpo
    zsh   _hpo in a folder of $fpath
    fish  ~/.config/fish/completions/hpo.fish
    """
    click.echo(script(ctx.find_root().command, shell))
