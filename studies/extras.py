"""How to install what an extra of this distribution brings, wherever the distribution itself came from."""

from __future__ import annotations

import json
import shlex
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

NAME = "hpo-rounds"
"""Of the distribution that the packages hpo, trainer and studies are in."""


def command(extra: str) -> str:
    """The pip command that installs an extra: from the folder, file or repository that we were installed from.

    pip records a folder, a file or a repository in direct_url.json. Without that file we come from a package index.
    """
    try:
        origin = json.loads(distribution(NAME).read_text("direct_url.json") or "{}")
    except PackageNotFoundError:  # nobody installed the folder that we are imported from
        folder = str(Path(__file__).parents[1])
        origin = {"url": Path(folder).as_uri(), "dir_info": {"editable": True}}
    editable = "-e " if origin.get("dir_info", {}).get("editable") else ""
    return f"pip install {editable}{shlex.quote(_requirement(extra, origin))}"


def _requirement(extra: str, origin: dict[str, Any]) -> str:
    url = origin.get("url")
    if url is None:
        return f"{NAME}[{extra}]"
    if url.startswith("file:") and "vcs_info" not in origin:
        return f"{url2pathname(urlsplit(url).path)}[{extra}]"
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        url = f"{vcs['vcs']}+{url}@{vcs.get('requested_revision') or vcs['commit_id']}"
    return f"{NAME}[{extra}] @ {url}"
