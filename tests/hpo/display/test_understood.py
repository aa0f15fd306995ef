"""What notes suggest to leave out is what they name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hpo.display.understood import drops_of
from trainer.data.remarks import dropping

NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1).map(str.strip)


@given(
    st.lists(
        st.one_of(NAMES, st.sampled_from(["a b", "x,y", "it's", "--drop", "it's, a"])), min_size=1
    )
)
def test_columns_of_any_name_come_back_from_a_note(names: list[str]) -> None:
    note = f"t.csv: these columns: {dropping(names)}, unless they are known before the class is"
    assert drops_of({"notes": ["another note", note]}) == list(dict.fromkeys(names))
    assert drops_of({"notes": ["nothing to leave out"]}) == []
