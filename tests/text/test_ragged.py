"""Rows end to end in flat arrays: what other tests do not ask of them by the way."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attnclf.text import ragged
from attnclf.text.ragged import Ragged, leading_rows

lengths = st.lists(st.lists(st.integers(0, 9), max_size=12), max_size=4)


@given(parts=lengths, most=st.integers(1, 60), part=st.integers(1, 20))
def test_the_leading_rows_are_whole_and_in_order_and_about_as_many_units_as_asked_for(parts, most, part):
    numbers = iter(range(1000))
    given_parts = [Ragged.of([np.array([next(numbers)] * length, np.int32) for length in part]) for part in parts]
    before, ragged.PART = ragged.PART, part
    try:
        found = list(leading_rows(given_parts, most))
    finally:
        ragged.PART = before
    rows = [row.tolist() for one in given_parts for row in one]
    taken = [row.tolist() for one in found for row in one]
    assert taken == rows[: len(taken)]
    tokens = sum(map(len, taken))
    longest = max(map(len, rows), default=0)
    assert all(len(one.ids) <= max(part, longest) for one in found)
    assert tokens < most + longest
    assert len(taken) == len(rows) or tokens >= most
