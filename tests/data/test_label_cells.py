"""Several labels in one cell, whatever they are made of."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.data.cells import labels_of
from attnclf.data.label_cells import SEPARATOR, joined, parted

LABELS = st.text(st.sampled_from("ab|,# \\/é"), min_size=1, max_size=6).map(str.strip).filter(bool)


@settings(deadline=None)
@given(st.lists(LABELS, unique=True, max_size=4))
def test_labels_come_back_from_the_cell_they_were_joined_to(labels):
    assert list(parted(joined(labels), SEPARATOR)) == labels


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ("a|b", ["a", "b"]),
        (" a | |b| ", ["a", "b"]),
        (r"a\|b", ["a|b"]),
        (r"a\\|b", ["a\\", "b"]),
        (r"a\b|c\d", [r"a\b", r"c\d"]),
        ("a\\", ["a\\"]),
        ("", []),
    ],
)
def test_a_backslash_counts_only_before_a_separator(cell, labels):
    assert list(parted(cell, "|")) == labels
    assert labels_of(cell, "|") == tuple(labels)
