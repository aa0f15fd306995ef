"""How `scripts/docs` builds the site: the pages of this folder, and a reference that is written from the code.

`reference/python.md` holds the docstring of every public name, `reference/commands.md` the help of every command,
and `reference/plan.md` every field of a plan. They are written anew at each build, so they can't be out of date.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from click.testing import CliRunner
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

import hpo
from hpo.cli import cli

PACKAGES = ("hpo", "trainer", "studies")
PAGES = Path(__file__).parent

project = "hpo-rounds"
release = hpo.__version__
html_title = f"hpo-rounds {release}"
html_theme = "furo"
html_copy_source = False
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "deploy"]
myst_heading_anchors = 4  # links name headings as GitHub does
default_role = "code"  # docstrings put names between single backticks
add_module_names = False
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
maximum_signature_line_length = 80
# Our own names that the reference has must be found. Types of other packages have no page here, nor have the modules
# behind the public names.
nitpick_ignore_regex = [
    ("py:.*", r"(?!(hpo|trainer|studies)\.).*"),
    ("py:.*", r"(hpo|trainer|studies)\.\w+\..*"),
]


def setup(app: Sphinx) -> None:
    """Sphinx calls this before it builds."""
    app.connect("builder-inited", write_reference)
    app.connect("autodoc-skip-member", is_of_scikit_learn)
    app.connect("autodoc-process-docstring", as_rst, priority=400)  # before napoleon, at 500
    app.add_transform(FilesOfTheRepository)


def is_of_scikit_learn(
    _app: Sphinx, _kind: str, _name: str, member: object, _skip: bool, _options: object
) -> bool | None:
    """Leave out what scikit-learn writes into estimators; None lets autodoc decide."""
    return True if "sklearn." in str(getattr(member, "__module__", "")) else None


def as_rst(
    _app: Sphinx, kind: str, _name: str, _member: object, _options: object, lines: list[str]
) -> None:
    """Read a docstring as it looks: indented formulas and tables keep their lines, and `coefs_` is a name, not a link.

    What is below `Args:`, `Raises:` and so on is napoleon's, which indents for another reason.
    """
    if kind == "data":  # the docstring of str tells nothing of a constant
        lines.clear()
    paragraphs: list[str] = []
    literal = section = False
    for text in "\n".join(lines).split("\n\n"):
        indented = text.startswith("    ") and not text.lstrip().startswith(">>>")
        table = re.match(r"\S+(, \S+)* {2,}\S", text) is not None
        section = section or re.match(r"[A-Z][a-z]+:\n    ", text) is not None
        if table or (indented and not section):
            paragraphs += [*([] if literal else ["::"]), textwrap.indent(text, "    " * table)]
        elif text.startswith(">>>"):
            paragraphs.append(text)
        else:
            paragraphs.append(re.sub(r"`[^`]*`|\b\w+_\b", without_link, text))
        literal = table or (indented and not section) or text.endswith("::")
    lines[:] = "\n\n".join(paragraphs).split("\n")


def without_link(name: re.Match[str]) -> str:
    """A name with its last underscore escaped; code between backticks as it is."""
    return name[0] if name[0].startswith("`") else f"{name[0][:-1]}\\_"


class FilesOfTheRepository(SphinxTransform):
    """A link to a Markdown file beside `docs/`, such as the changelog, offers the file, like one to any other file.

    A link to a file that does not exist is never turned into this, so it still fails.
    """

    default_priority = 5

    def apply(self, **_: Any) -> None:
        """Replace each reference to a page outside the site."""
        for link in list(self.document.findall(addnodes.pending_xref)):
            path = PAGES / f"{link['reftarget']}.md"  # absolute where it is outside
            if link.get("refdomain") == "doc" and not path.is_relative_to(PAGES):
                file = addnodes.download_reference("", "", *link.children, **link.attributes)
                file["reftarget"] = "/" + os.path.relpath(path, PAGES)
                link.replace_self(file)


def write_reference(app: Sphinx) -> None:
    """Write the pages of the reference, unless they are as they should be."""
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    pages = {"python.md": python_page(), "commands.md": commands_page(), "plan.md": plan_page()}
    for name, text in pages.items():
        page = folder / name
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def python_page() -> str:
    """A section for each package: its own docstring, then every name in its `__all__`."""
    parts = ["# Python", "Every public name, with its docstring."]
    for package in PACKAGES:
        module = importlib.import_module(package)
        parts += [f"## {package}", in_rst(f".. automodule:: {package}\n   :no-members:")]
        for name in module.__all__:
            parts += [
                f"### `{package}.{name}`",
                in_rst(directive(f"{package}.{name}", module, name)),
            ]
    return "\n\n".join(parts) + "\n"


def in_rst(text: str) -> str:
    """Docstrings are read as reStructuredText, so their directives stand in a block of it."""
    return f"```{{eval-rst}}\n{text}\n```"


def directive(path: str, module: ModuleType, name: str) -> str:
    """The autodoc directive for one public name."""
    value = getattr(module, name)
    if inspect.ismodule(value):  # the names of hpo.errors are names of hpo, too
        members = "" if name == "errors" else "\n   :members:"
        return f".. automodule:: {path}{members}"
    if isinstance(value, type) and issubclass(value, BaseException):
        return f".. autoexception:: {path}"
    if isinstance(value, type):
        return f".. autoclass:: {path}\n   :members:"
    return f".. autofunction:: {path}" if callable(value) else f".. autodata:: {path}"


def commands_page() -> str:
    """The help of each command, 80 columns wide."""
    parts = ["# Commands", "What each command prints with `--help`."]
    for words in [[], *commands(cli)]:
        shown = CliRunner().invoke(
            cli, [*words, "--help"], prog_name="hpo", terminal_width=80, catch_exceptions=False
        )
        parts += [f"## {' '.join(['hpo', *words])}", f"```text\n{shown.output}```"]
    return "\n\n".join(parts) + "\n"


def plan_page() -> str:
    """A plan with every field explained, as `hpo init` writes it."""
    shown = CliRunner().invoke(cli, ["init", "-"], prog_name="hpo", catch_exceptions=False)
    about = "What `hpo init` writes: a file for `hpo search --config FILE`, with all that a search can be told."
    return f"# The fields of a plan\n\n{about}\n\n```toml\n{shown.output}```\n"


def commands(group: click.Group, *before: str) -> Iterator[list[str]]:
    """The words of every command that help lists, and of those below it."""
    for name, command in sorted(group.commands.items()):
        if not command.hidden:
            yield [*before, name]
            if isinstance(command, click.Group):
                yield from commands(command, *before, name)
