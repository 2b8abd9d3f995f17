"""Texts that come again: answered as the first time, from memory that stays within its bounds."""

from hypothesis import given
from hypothesis import strategies as st

from attnclf.runtime.cache import OVERHEAD, PredictionCache

windows = st.lists(st.lists(st.text("abc", max_size=2), min_size=1, max_size=6), max_size=40)


@given(windows=windows, size=st.integers(0, 10 * OVERHEAD))
def test_the_cached_line_of_a_text_is_its_own(windows, size):
    cache = PredictionCache(size)
    for window in windows:
        lines = cache.get(window)
        assert set(lines) <= set(window)
        assert all(line == text.upper() for text, line in lines.items())
        cache.add({text: text.upper() for text in window if text not in lines})


def test_a_text_that_keeps_coming_is_never_forgotten():
    cache = PredictionCache(size=4 * OVERHEAD)
    cache.add({"again": "AGAIN"})
    for number in range(100):
        assert cache.get(["again", f"new {number}"]) == {"again": "AGAIN"}
        cache.add({f"new {number}": "NEW"})


def test_a_text_that_does_not_come_again_is_forgotten():
    cache = PredictionCache(size=4 * OVERHEAD)
    cache.add({"once": "ONCE"})
    for number in range(20):
        cache.add({f"new {number}": "NEW"})
    assert cache.get(["once", "new 19"]) == {"new 19": "NEW"}


def test_long_texts_leave_room_for_fewer():
    cache = PredictionCache(size=10 * OVERHEAD)
    for number in range(4):
        cache.add({f"{number}": "x" * 100 * OVERHEAD})
    assert set(cache.get(["0", "1", "2", "3"])) == {"2", "3"}
