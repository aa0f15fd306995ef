"""Data sets of openml.org, fetched by scikit-learn, which keeps what it has fetched in its own folder of data."""

from __future__ import annotations

import warnings

import pandas as pd

from trainer.errors import DataError


def fetched(name: str) -> tuple[pd.DataFrame, str | None, list[str]]:
    """All columns of a data set, its own label column if it has exactly one, and notes on what was fetched.

    `name` is that of the data set, or its number.

    Raises:
        DataError: there is no such data set, no network, or it is no table.
    """
    from sklearn.datasets import fetch_openml
    from sklearn.utils import Bunch

    which = {"data_id": int(name)} if name.isdecimal() else {"name": name}
    if not name:
        raise DataError("openml: give the name of a data set, such as openml:credit-g")
    source = f"openml:{name}"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            bunch: Bunch = fetch_openml(**which, as_frame=True, n_retries=1)
        # OSError includes that there is no network, ValueError what openml.org answers.
        except (OSError, ValueError) as error:
            raise DataError(f"{source}: {_reason(error)}") from None
    details, labels = bunch.details, list(bunch.target_names)
    target = labels[0] if len(labels) == 1 else None
    what = f"{source}: version {details['version']}, data set {details['id']} of openml.org"
    notes = [what if target is None else f"{what}, whose own label column is {target!r}"]
    notes += [f"{source}: {_one_line(str(warning.message))}" for warning in caught]
    return bunch.frame, target, notes


def _reason(error: Exception) -> str:
    from urllib.error import HTTPError, URLError

    if isinstance(error, HTTPError):
        if error.code in (404, 412):
            return "openml.org has no such data set"
        return f"openml.org answers {error.code} {error.reason}"
    if isinstance(error, URLError | TimeoutError | ConnectionError):
        cause = getattr(error, "reason", error)
        return f"openml.org can't be reached: {_one_line(str(cause))}"
    if "Sparse ARFF" in str(error):
        return "it is sparse, and columns are needed"
    if "found" in str(error) or "Unknown" in str(error):
        return f"openml.org has no such data set: {_one_line(str(error))}"
    return f"it can't be used: {_one_line(str(error))}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
