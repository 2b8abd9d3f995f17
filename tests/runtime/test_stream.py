"""Texts that arrive, handed on in windows."""

import itertools
import queue
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.runtime.stream import windows


def settled(value, *, patience=5.0):
    """Wait until `value()` has stopped changing, and return it."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        before = value()
        time.sleep(0.05)
        if value() == before:
            return before
    raise AssertionError("still changing")


@settings(deadline=None)
@given(st.lists(st.text(max_size=20)), st.integers(1, 7), st.integers(1, 60))
def test_all_texts_come_out_once_in_order_in_windows_within_the_limits(texts, size, characters):
    seen = list(windows(iter(texts), size=size, characters=characters))
    assert list(itertools.chain(*seen)) == texts
    for window in seen:
        assert 0 < len(window) <= size
        assert sum(map(len, window[:-1])) < characters


def test_a_single_text_is_handed_on_while_the_next_one_is_still_awaited():
    arriving = queue.Queue()
    stream = windows(iter(arriving.get, None))
    for text in ("one", "two", "three"):
        arriving.put(text)
        assert next(stream) == [text]
    arriving.put(None)
    assert list(stream) == []


def test_texts_that_pour_are_handed_on_in_full_windows():
    read = itertools.count()
    stream = windows((str(next(read)) for _ in range(1000)), size=10)
    next(stream)
    settled(lambda: repr(read))  # the reader waits with a full window
    assert len(next(stream)) == 10
    stream.close()


def test_reading_runs_one_window_ahead_at_most_of_an_endless_input():
    read = itertools.count()
    stream = windows((str(next(read)) for _ in itertools.count()), size=50)
    handed_on = len(next(stream))
    consumed = settled(lambda: int(repr(read)[len("count(") : -1]))
    assert consumed <= handed_on + 50 + 1  # a window in waiting, and the text that found it full
    stream.close()


def test_few_long_texts_fill_a_window_like_many_short_ones():
    read = []
    stream = windows((read.append(1) or "x" * 1000 for _ in itertools.count()), size=50, characters=3000)
    handed_on = len(next(stream))
    assert handed_on <= 3
    assert settled(lambda: len(read)) <= handed_on + 3 + 1
    stream.close()


def test_an_error_in_reading_is_raised_after_the_texts_before_it():
    def broken():
        yield from ("one", "two")
        raise ValueError("line 3")

    seen = []
    with pytest.raises(ValueError, match="line 3"):
        seen.extend(itertools.chain.from_iterable(windows(broken())))
    assert seen == ["one", "two"]


def test_nothing_in_gives_nothing_out():
    assert list(windows(iter(()))) == []


def test_leaving_early_lets_the_reader_go():
    before = threading.active_count()
    stream = windows(("text" for _ in itertools.count()), size=5)
    next(stream)
    assert threading.active_count() == before + 1
    stream.close()
    assert settled(threading.active_count) == before
