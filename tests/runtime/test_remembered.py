"""Texts that come again: answered as the first time, from memory that stays within its bounds."""

from hypothesis import given
from hypothesis import strategies as st

from attnclf.runtime.remembered import BESIDE, Remembered

windows = st.lists(st.lists(st.text("abc", max_size=2), min_size=1, max_size=6), max_size=40)


@given(windows=windows, room=st.integers(0, 10 * BESIDE))
def test_what_is_remembered_of_a_text_is_what_was_kept_of_it(windows, room):
    remembered = Remembered(room)
    for window in windows:
        lines = remembered.among(window)
        assert set(lines) <= set(window)
        assert all(line == text.upper() for text, line in lines.items())
        remembered.keep({text: text.upper() for text in window if text not in lines})


def test_a_text_that_keeps_coming_is_never_forgotten():
    remembered = Remembered(room=4 * BESIDE)
    remembered.keep({"again": "AGAIN"})
    for number in range(100):
        assert remembered.among(["again", f"new {number}"]) == {"again": "AGAIN"}
        remembered.keep({f"new {number}": "NEW"})


def test_a_text_that_does_not_come_again_is_forgotten():
    remembered = Remembered(room=4 * BESIDE)
    remembered.keep({"once": "ONCE"})
    for number in range(20):
        remembered.keep({f"new {number}": "NEW"})
    assert remembered.among(["once", "new 19"]) == {"new 19": "NEW"}


def test_long_texts_leave_room_for_fewer():
    remembered = Remembered(room=10 * BESIDE)
    for number in range(4):
        remembered.keep({f"{number}": "x" * 100 * BESIDE})
    assert set(remembered.among(["0", "1", "2", "3"])) == {"2", "3"}
