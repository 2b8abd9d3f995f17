"""Texts that arrive, handed on in windows."""

import itertools
import queue
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.runtime.windows import Windows, overlapped


def settled(value, *, patience=30.0, rest=0.3):
    """Return `value()` once it has rested for longer than a busy machine keeps a thread waiting."""
    end, since, before = time.monotonic() + patience, time.monotonic(), value()
    while time.monotonic() < end:
        time.sleep(0.02)
        if (now := value()) != before:
            since, before = time.monotonic(), now
        elif time.monotonic() - since > rest:
            return now
    raise AssertionError("still changing")


@settings(deadline=None)
@given(st.lists(st.text(max_size=20)), st.integers(1, 7), st.integers(1, 60))
def test_all_texts_come_out_once_in_order_in_windows_within_the_limits(texts, size, characters):
    seen = list(Windows(iter(texts), size=size, characters=characters))
    assert list(itertools.chain(*seen)) == texts
    for window in seen:
        assert 0 < len(window) <= size
        assert sum(map(len, window[:-1])) < characters


def test_a_single_text_is_handed_on_while_the_next_one_is_still_awaited():
    arriving = queue.Queue()
    stream = Windows(iter(arriving.get, None))
    for text in ("one", "two", "three"):
        arriving.put(text)
        assert next(stream) == [text]
    arriving.put(None)
    assert list(stream) == []


def test_texts_that_pour_are_handed_on_in_full_windows():
    read = itertools.count()
    stream = Windows((str(next(read)) for _ in range(1000)), size=10)
    next(stream)
    settled(lambda: repr(read))  # the reader waits with a full window
    assert len(next(stream)) == 10
    stream.close()


def test_reading_runs_one_window_ahead_at_most_of_an_endless_input():
    read = itertools.count()
    stream = Windows((str(next(read)) for _ in itertools.count()), size=50)
    handed_on = len(next(stream))
    consumed = settled(lambda: int(repr(read)[len("count(") : -1]))
    assert consumed <= handed_on + 50 + 1  # a window in waiting, and the text that found it full
    stream.close()


def test_few_long_texts_fill_a_window_like_many_short_ones():
    read = []
    stream = Windows((read.append(1) or "x" * 1000 for _ in itertools.count()), size=50, characters=3000)
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
        seen.extend(itertools.chain.from_iterable(Windows(broken())))
    assert seen == ["one", "two"]


def test_nothing_in_gives_nothing_out():
    assert list(Windows(iter(()))) == []


def test_leaving_early_lets_the_reader_go():
    before = threading.active_count()
    stream = Windows(("text" for _ in itertools.count()), size=5)
    next(stream)
    assert threading.active_count() == before + 1
    stream.close()
    assert settled(threading.active_count) == before


# Overlapping


class Work:
    """Begins windows and finishes them, and remembers when."""

    def __init__(self):
        self.done = []

    def start(self, window):
        self.done.append(("begin", *window))
        return lambda: self.done.append(("finish", *window)) or [text.upper() for text in window]


def test_windows_that_wait_are_begun_before_those_before_them_are_finished():
    work, stream = Work(), Windows(iter("abcdefgh"), size=2)
    seen = []
    for window, result in overlapped(stream, lambda window: (settled(lambda: stream.waiting), work.start(window))[1]):
        seen.append((window, result))
    assert seen == [([one, two], [one.upper(), two.upper()]) for one, two in ("ab", "cd", "ef", "gh")]
    assert [kind for kind, *_ in work.done] == ["begin"] * 3 + ["finish", "begin"] + ["finish"] * 3


def test_a_window_is_finished_at_once_when_nothing_waits_behind_it():
    arriving, work = queue.Queue(), Work()
    results = overlapped(Windows(iter(arriving.get, None)), work.start)
    for text in ("one", "two", "three"):
        arriving.put(text)
        assert next(results) == ([text], [text.upper()])
    arriving.put(None)
    assert list(results) == []


@settings(deadline=None)
@given(st.lists(st.text(max_size=5)), st.integers(1, 4))
def test_overlapped_windows_come_out_once_and_in_order(texts, size):
    results = list(overlapped(Windows(iter(texts), size=size), Work().start))
    assert list(itertools.chain.from_iterable(window for window, _ in results)) == texts
    assert all(result == [text.upper() for text in window] for window, result in results)


def test_what_came_before_an_error_in_reading_is_finished_first():
    def broken():
        yield from ("one", "two")
        raise ValueError("line 3")

    results = overlapped(Windows(broken(), size=1), Work().start)
    assert [next(results)[0], next(results)[0]] == [["one"], ["two"]]
    with pytest.raises(ValueError, match="line 3"):
        next(results)
