"""The tree of errors: drawn as it is, exported, above what the other packages raise, and turned into exit statuses."""

# Law 9: errors and misunderstandings are said.

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import hpo
import studies.errors
import trainer.errors
from hpo import errors
from hpo.cli.statuses import ERROR, HELD, USAGE, status_and_line

CLASSES = {
    name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and kind.__module__ == errors.__name__
}  # fmt: skip
THEIRS = [
    kind
    for module in (studies.errors, trainer.errors)
    for kind in vars(module).values()
    if inspect.isclass(kind)
]


def test_the_tree_is_drawn_as_it_is() -> None:
    drawn: dict[str, str] = {}
    above: list[str] = []
    for line in str(errors.__doc__).splitlines():
        if found := re.match(r"([│├└─ ]*)(\w+Error)\b", line):
            depth = len(found[1]) // 4
            above[depth:] = [found[2]]
            drawn[found[2]] = above[depth - 1] if depth else "Exception"
    assert drawn == {name: kind.__bases__[0].__name__ for name, kind in CLASSES.items()}


def test_all_of_it_is_exported() -> None:
    assert CLASSES.keys() <= set(hpo.__all__)
    assert all(getattr(hpo, name) is kind for name, kind in CLASSES.items())


@pytest.mark.parametrize("theirs", THEIRS, ids=lambda kind: kind.__name__)
def test_what_the_other_packages_raise_is_raised_as_ours_too(theirs: type[Exception]) -> None:
    cause = OSError("disk")
    with pytest.raises(theirs, match="the text") as caught, errors.raised_as_ours():
        raise theirs("the text") from cause
    assert isinstance(caught.value, hpo.HpoError)
    assert str(caught.value) == "the text"
    assert caught.value.__cause__ is cause
    with pytest.raises(type(caught.value)) as again, errors.raised_as_ours():
        raise caught.value
    assert again.value is caught.value


def test_a_bug_is_raised_as_it_is() -> None:
    with pytest.raises(KeyError), errors.raised_as_ours():
        raise KeyError("a")


def test_functions_of_hpo_raise_errors_of_hpo(storage: str, tmp_path: Path) -> None:
    with pytest.raises(hpo.DataError, match=r"nowhere\.csv"):
        hpo.search("nowhere.csv", target="y", storage=storage)
    with pytest.raises(hpo.StorageError):
        hpo.resume("s", storage=f"sqlite:///{tmp_path}/no.db")
    few: Any = {"trials": 2, "rounds": 1, "epochs": 1, "finalists": 0}
    hpo.search("iris", **few, name="s", storage=storage)
    with pytest.raises(hpo.StudyExistsError, match="'s'"):
        hpo.search("iris", **few, name="s", storage=storage)
    with pytest.raises(hpo.NoSuchStudyError, match="'other'"):
        hpo.reproduce("other", 0, storage=storage)
    with pytest.raises(hpo.StorageError, match="7"):
        hpo.reproduce("s", 7, storage=storage)


@pytest.mark.parametrize("kind", [*CLASSES.values(), *THEIRS], ids=lambda kind: kind.__name__)
def test_each_has_an_exit_status(kind: type[Exception]) -> None:
    statuses = {hpo.PlanError: USAGE, studies.errors.LeaseError: HELD}
    expected = next((statuses[k] for k in statuses if issubclass(kind, k)), ERROR)
    assert status_and_line(kind("the text")) == (expected, "the text")
    with pytest.raises(KeyError):
        status_and_line(KeyError("a"))
