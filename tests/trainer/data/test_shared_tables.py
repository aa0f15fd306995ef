"""Real tables are understood as they should be: the task, the kinds of the columns, and what a user is told."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from trainer.data import Reading, load, read


class Facts(NamedTuple):
    """A file and its target; the rows with a label, the classes (0: a quantity), the columns by kind, those that are
    left out, and a part of each note.
    """

    file: str
    target: str
    rows: int
    classes: int
    number: int
    text: int
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    fingerprint: str = ""  # its beginning, as it has been since before version 2


TABLES = (
    Facts("Telco-Customer-Churn.csv", "Churn", 7043, 2, 4, 16, (), ("--drop customerID",), "8794714ac931"),
    Facts("adult.csv", "income-per-year", 32561, 2, 6, 8, (), (), "68765d6c004f"),
    Facts("california_housing.csv", "median_house_value", 20640, 0, 8, 1, (), (), "40ae224fa67e"),
    Facts("california_housing.csv", "ocean_proximity", 20640, 5, 9, 0, (), (), "3f3e1e820a50"),
    Facts("penguins.csv", "species", 344, 3, 5, 2, (), (), "5ea319414bc2"),
    Facts("penguins.csv", "sex", 333, 2, 5, 2, (), ("11 of 344 rows are left out",), "5ecb05a0cbd2"),
    Facts("penguins.csv", "body_mass_g", 342, 0, 4, 3, (), ("2 of 344 rows are left out",), "3feb28ac2f04"),
    Facts("penguins_raw.csv", "Species", 344, 3, 7, 9, (),
          ("'Date Egg' holds dates, such as '2007-11-11'", "'Individual ID'", "'Region', 'Stage': the same"),
          "2ccf9b4b19c4"),
    Facts("titanic.csv", "alive", 891, 2, 8, 6, (), ("'survived' tells the class",)),
    Facts("titanic.csv", "fare", 891, 0, 7, 7, (), (), "ccf959b93fd3"),
    Facts("winequality-red-semicolon.csv", "y", 1599, 6, 11, 0, (), (), "381bc395f120"),
    Facts("oecd_bli.csv", "Value", 2369, 0, 1, 11,
          ("Reference Period Code", "Reference Period", "Flag Codes", "Flags"),
          ("nothing in these columns", "'MEASURE', 'Measure', 'PowerCode Code', 'PowerCode': the same"),
          "6c22ec586a0a"),
)  # fmt: skip


@pytest.mark.parametrize("facts", TABLES, ids=[f"{t.file}-{t.target}" for t in TABLES])
def test_a_real_table_is_understood(facts: Facts, shared_data: Path) -> None:
    path = str(shared_data / "tabular" / facts.file)
    draw = load(path, facts.target, seed=0, rows=None, dtype="float32")
    table = draw.table
    kinds = Counter(column.kind for column in table.columns)
    assert (len(table.labels), len(table.classes or ())) == (facts.rows, facts.classes)
    assert (kinds["number"], kinds["text"]) == (facts.number, facts.text)
    assert tuple(table.left_out) == facts.left_out
    assert table.fingerprint.startswith(facts.fingerprint)
    notes = table.notes if facts.file != "titanic.csv" else draw(0).notes
    assert len(notes) == len(facts.notes)
    for note, part in zip(notes, facts.notes, strict=True):
        assert part in note


@pytest.mark.parametrize("facts", TABLES, ids=[f"{t.file}-{t.target}" for t in TABLES])
def test_the_cells_of_a_real_table_are_understood_again_as_they_were(
    facts: Facts, shared_data: Path
) -> None:
    path = str(shared_data / "tabular" / facts.file)
    cells = pd.read_csv(path, sep=";" if "semicolon" in path else ",", encoding="utf-8-sig")
    table = read(path, facts.target, Reading(dates=True))
    assert isinstance(table.rows, pd.DataFrame)
    labelled = cells[cells[facts.target].notna()].reset_index(drop=True)
    for column in table.columns:
        again, odd = column.read(labelled[column.name])
        expected: Any = table.rows[column.name]
        assert not odd
        assert again.isna().tolist() == expected.isna().tolist()
        assert again.dropna().tolist() == expected.dropna().tolist()
