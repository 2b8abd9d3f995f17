"""Rows of numbers as texts: what the columns of a file become is read back number by number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnclf.data.cells import numbers_of
from attnclf.errors import DataError
from attnclf.text.numbers import NumberReader

NAMES = st.lists(st.sampled_from(["age", "income", "a=b", "x, y", "收入", "$", "age=", "1"]), min_size=1, unique=True)


@given(NAMES, st.data())
def test_numbers_come_back_as_they_were_and_each_has_its_place(names, data):
    numbers = data.draw(
        st.lists(st.integers() | st.floats(-1e30, 1e30), min_size=len(names), max_size=len(names)).filter(
            lambda numbers: all(abs(number) <= 1e30 for number in numbers)
        )
    )
    text = numbers_of(dict(zip(names, numbers, strict=True)), {name: name for name in names})
    reader = NumberReader(names)
    (read,) = reader.encode([text])
    assert read.dtype == np.float32
    assert read.tolist() == np.array(numbers, dtype=np.float32).tolist()
    pieces = reader.pieces(text)
    said = [f"{name}={number}" for name, number in zip(names, numbers, strict=True)]
    assert [text[piece.start : piece.end] for piece in pieces] == said
    assert [piece.id for piece in pieces] == list(range(len(names)))


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "'age' is missing"),
        (" ", "'age' is missing"),
        ("old", "'age' is 'old', not a number"),
        ("1 000", "'age' is '1 000', not a number"),
        ("1,5", "'age' is '1,5', not a number"),
        (True, "'age' is True, not a number"),
        (float("nan"), "'age' is nan, not a number"),
        ("inf", "'age' is 'inf', not a number"),
        ("1e39", "'age' is '1e39', not a number"),
        ([3], "'age' is [3], not a number"),
    ],
)
def test_what_is_no_number_is_named_with_its_column(value, problem):
    with pytest.raises(ValueError, match="age") as raised:
        numbers_of({"age": value}, {"age": "age"})
    assert str(raised.value) == problem


@pytest.mark.parametrize("text", ["age=3", "income=3, age=4", "age=x, income=3", "age=3, income=4, more=5", "hello"])
def test_another_text_is_told_how_rows_are_written(text):
    with pytest.raises(DataError, match="is not a row of the model's columns; write it as 'age=NUMBER, income=NUMBER'"):
        NumberReader(["age", "income"]).encode([text])


def test_a_blank_text_has_no_numbers():
    cut = []
    assert [row.tolist() for row in NumberReader(["age"]).encode(["", " \t", "age=3"], cut)] == [[], [], [3]]
    assert cut == [False] * 3
    assert NumberReader(["age"]).pieces(" ") == []
