"""The environment of the templates of pages: every word is escaped, and a name that is not there is an error."""

from __future__ import annotations

import jinja2


def page_environment() -> jinja2.Environment:
    """A new environment, for a page that adds filters of its own."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("studies.pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
