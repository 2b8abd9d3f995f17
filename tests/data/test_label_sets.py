"""Labels and their numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.data.labels import LabelSet
from attnclf.errors import DataError

NAMES = st.text(min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("given_", "ordered"),
    [
        (["10", "2", "-1", "1.5"], ("-1", "1.5", "2", "10")),
        (["grade 10", "grade 2", "Grade 1"], ("Grade 1", "grade 2", "grade 10")),
        (["b", "10", "a", "9"], ("9", "10", "a", "b")),
        (["nan", "inf", "١", "²", "1e3"], ("1e3", "inf", "nan", "²", "١")),
    ],
)
def test_labels_are_in_natural_order(given_, ordered):
    assert LabelSet.from_lists([(name,) for name in given_], multi_label=False).names == ordered


@settings(deadline=None)
@given(st.lists(NAMES, min_size=1), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(names, random):
    lists = [(name,) for name in names]
    shuffled = random.sample(lists, len(lists))
    assert LabelSet.from_lists(lists, multi_label=False) == LabelSet.from_lists(shuffled, multi_label=False)


@settings(deadline=None)
@given(st.lists(NAMES, min_size=1))
def test_single_labels_decode_to_what_was_encoded(names):
    lists = [(name,) for name in names]
    labels = LabelSet.from_lists(lists, multi_label=False)
    numbers = labels.encode(lists)
    assert (numbers.dtype, numbers.shape) == (np.int64, (len(names),))
    assert labels.decode(numbers) == lists


@settings(deadline=None)
@given(st.lists(st.sets(NAMES), min_size=1))
def test_label_sets_decode_to_what_was_encoded(sets):
    lists = [tuple(names) for names in sets]
    labels = LabelSet.from_lists(lists, multi_label=True)
    marks = labels.encode(lists)
    assert (marks.dtype, marks.shape) == (np.float32, (len(sets), len(labels)))
    assert [set(names) for names in labels.decode(marks)] == sets


def test_a_label_outside_the_set_is_minus_one_or_no_mark():
    assert LabelSet(("a", "b"), False).encode([("b",), ("c",)]).tolist() == [1, -1]
    assert LabelSet(("a", "b"), True).encode([("b", "c"), ("c",)]).tolist() == [[0, 1], [0, 0]]
    assert LabelSet(("a", "b"), False).decode(np.array([1, -1])) == [("b",), ()]


@pytest.mark.parametrize("labels", [(), ("a", "b")])
def test_a_single_label_task_refuses_rows_with_none_or_several(labels):
    with pytest.raises(DataError, match=f"a row has {len(labels)} labels, but this task has one"):
        LabelSet(("a", "b"), False).encode([("a",), labels])
