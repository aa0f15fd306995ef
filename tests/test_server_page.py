"""docs/server.md is true: its curl examples run one after another against a service, and no call is missing."""

from __future__ import annotations

import re
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from hpo.serve.app import make_app
from hpo.serve.database import ServiceDatabase
from hpo.serve.service import Service
from hpo.serve.settings import Settings
from hpo.serve.tokens import create
from tests.hpo.serve.serving import Serving
from tests.markdown import blocks

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
SPECIES = ("Adelie", "Gentoo", "Chinstrap")


def calls() -> set[tuple[str, str]]:
    """The methods and paths of its curl examples, with what the shell puts into a path as {}."""
    found = set()
    for text in "".join(blocks(PAGE, "sh")).replace("\\\n", " ").split("curl ")[1:]:
        address = re.search(r'"\$HPO([^"?]*)', text)
        assert address is not None, text
        line = text[: text.find("\n")] if " -d " not in text else text
        method = re.search(r"-X (\w+)", line)
        posts = re.search(r" (-d|--data-binary) ", text.partition("\n\n")[0])
        found.add((method[1] if method else "POST" if posts else "GET", address[1]))
    return found


@pytest.fixture
def penguins(tmp_path: Path) -> None:
    lines = [
        f"{SPECIES[i % 3]},{30 + i % 3 * 7 + i % 5},{3000 + 700 * (i % 3) + 10 * i}"
        for i in range(90)
    ]
    text = "\n".join(["species,bill_length_mm,body_mass_g", *lines])
    (tmp_path / "penguins.csv").write_text(text)


@pytest.mark.slow
@pytest.mark.usefixtures("penguins")
def test_every_curl_example_runs(tmp_path: Path, storage: str) -> None:
    for program in ("curl", "jq"):
        if subprocess.run(["which", program], capture_output=True, check=False).returncode:
            pytest.skip(f"no {program} here")
    with Serving(tmp_path, storage) as served:
        with closing(ServiceDatabase(storage)) as database:
            token = create(database, "page", owner="ada", scope="admin")
        script = (
            f"HPO=http://127.0.0.1:{served.port}\nAUTH='Authorization: Bearer {token}'\nset -ex\n"
            + "".join(blocks(PAGE, "sh"))
        )
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-2000:]
    events = (tmp_path / "events.txt").read_text()
    kinds = set(re.findall(r"^event: (\w+)$", events, re.M))
    table = PAGE.partition("| event | data |")[2].partition("\n\n")[0]
    assert kinds <= set(re.findall(r"^\| `(\w+)` \|", table, re.M))
    assert (tmp_path / "penguins.html").read_text().startswith("<!")


def test_every_call_of_the_api_has_an_example(tmp_path: Path, storage: str) -> None:
    service = Service(Settings(), ServiceDatabase(storage), tmp_path)
    paths = make_app(service).openapi()["paths"]
    service.database.close()
    shown = calls()
    missing = []
    for path, methods in paths.items():
        pattern = re.compile(re.sub(r"\{[a-z_]+\}", "[^/]+", path))
        missing += [
            f"{method.upper()} {path}"
            for method in methods
            if not any(m == method.upper() and pattern.fullmatch(p) for m, p in shown)
        ]
    assert missing == []


def test_its_files_are_there() -> None:
    for link in re.findall(r"\]\(([\w./-]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
