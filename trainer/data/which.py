"""Which split of some data: its number, or the one with the test rows.

Whoever describes a task needs this and no data, and so does not have to wait until pandas is imported.
"""

from __future__ import annotations

from typing import Literal

Which = int | Literal["test"]

TEST: Literal["test"] = "test"
