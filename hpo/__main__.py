"""The `hpo` command, and `python -m hpo`: it listens to Ctrl-C before it imports what takes time."""

from __future__ import annotations

from typing import NoReturn

from hpo.cli.signals import signals


def main() -> NoReturn:
    """Run the command line."""
    signals.listen()
    from hpo import cli

    cli.main()


if __name__ == "__main__":
    main()
