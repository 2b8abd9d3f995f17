"""An endless input through a model: constant memory, results in order, prompt when the input trickles.

A reader thread fills a bounded buffer. The classifier takes whatever is there: one line when lines trickle in, a full
window when they pour, so that no timer decides between delay and speed.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Self, TypeVar

WINDOW = 4096  # texts handed on together
CHARACTERS = 4 * 2**20  # ... or so many characters, whichever is reached first
UNDER_WAY = 3  # windows begun and not finished: with two, the cores run out of work while a third is being prepared
NOTICE = 0.5  # seconds in which an interrupt is noticed at the latest

T = TypeVar("T")


class Windows(Iterator[list[str]]):
    """The texts in order, in lists of what has arrived: never empty, at most `size` texts or about `characters`.

    Reading runs one window ahead at most. An error while reading is raised here, after the texts before it. Close it,
    or use it in a `with`, to let the reader go before its end.
    """

    def __init__(self, texts: Iterable[str], *, size: int = WINDOW, characters: int = CHARACTERS) -> None:
        self._size, self._characters = size, characters
        # One thread adds at one end and another takes from the other; the lock is for waiting only.
        self._texts: deque[str] = deque()
        self._read = self._taken = 0  # characters
        self._changed = threading.Condition()
        self._idle = self._finished = self._stopped = False
        self._error: BaseException | None = None
        threading.Thread(target=self._fill, args=(texts,), daemon=True).start()

    @property
    def waiting(self) -> bool:
        """Whether the next window is there already."""
        return bool(self._texts)

    def __next__(self) -> list[str]:
        """Return what has arrived, waiting for at least one text."""
        if not self._texts:
            with self._changed:
                self._idle = True
                while not self._texts and not self._finished:
                    # Not for ever: a Ctrl-C that comes just before the wait is noticed only when the wait ends.
                    self._changed.wait(NOTICE)
                self._idle = False
        window = [self._texts.popleft() for _ in range(len(self._texts))]
        self._taken += sum(map(len, window))
        with self._changed:
            self._changed.notify()
        if window:
            return window
        if self._error is not None:
            raise self._error
        raise StopIteration

    def close(self) -> None:
        """Let the reader go, at the next text it reads."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fill(self, texts: Iterable[str]) -> None:
        """Read until the end, an error, or `close`; wait while a full window is waiting."""
        try:
            for text in texts:
                self._texts.append(text)
                self._read += len(text)
                if self._idle or self._full():
                    with self._changed:
                        self._changed.notify()
                        while not self._stopped and self._full():
                            self._changed.wait()
                if self._stopped:
                    return
        except BaseException as error:  # handed to the thread that asked for the texts
            self._error = error
        finally:
            with self._changed:
                self._finished = True
                self._changed.notify()

    def _full(self) -> bool:
        return len(self._texts) >= self._size or self._read - self._taken >= self._characters


def overlapped(windows: Windows, start: Callable[[list[str]], Callable[[], T]]) -> Iterator[tuple[list[str], T]]:
    """Yield each window with its result: `start` begins the work, what it returns waits for the result.

    Windows that are there already are begun before those before them are finished, `UNDER_WAY` at a time.
    """
    begun: deque[tuple[list[str], Callable[[], T]]] = deque()
    while True:
        if begun and not windows.waiting:
            window, finish = begun.popleft()
            yield window, finish()
            continue
        following = next(windows, None)
        if following is None:
            return
        begun.append((following, start(following)))
        if len(begun) == UNDER_WAY:
            window, finish = begun.popleft()
            yield window, finish()
