"""The sections of a benchmark, all of them or those that the command line names."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping


def run(about: str, sections: Mapping[str, Callable[[], None]]) -> None:
    """Run the sections that were asked for. `about` is what the benchmark says of itself."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("sections", nargs="*", choices=[*sections, []], help="which; all of them")
    for name in parser.parse_args().sections or sections:
        print(name)
        sections[name]()
