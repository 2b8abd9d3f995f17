"""An endless input through a model: constant memory, results in order, prompt when the input trickles.

A reader thread fills a bounded buffer. The classifier takes whatever is there: one line when lines trickle in, a full
window when they pour, so that no timer decides between delay and speed.
"""

import threading
from collections import deque
from collections.abc import Iterable, Iterator

WINDOW = 4096  # texts handed on together
CHARACTERS = 4 * 2**20  # ... or so many characters, whichever is reached first
NOTICE = 0.5  # seconds in which an interrupt is noticed at the latest


def windows(texts: Iterable[str], *, size: int = WINDOW, characters: int = CHARACTERS) -> Iterator[list[str]]:
    """Yield the texts in order, in lists of what has arrived: never empty, at most `size` texts or about `characters`.

    Reading runs one window ahead at most. An error while reading is raised here, after the texts before it.
    """
    buffer = _Buffer(size, characters)
    threading.Thread(target=buffer.fill, args=(texts,), daemon=True).start()
    try:
        while window := buffer.take():
            yield window
    finally:
        buffer.stop()


class _Buffer:
    def __init__(self, size: int, characters: int) -> None:
        self._size, self._characters = size, characters
        self._texts: deque[str] = deque()
        self._waiting_characters = 0
        self._changed = threading.Condition()
        self._finished = self._stopped = False
        self._error: BaseException | None = None

    def fill(self, texts: Iterable[str]) -> None:
        """Read until the end, an error, or `stop`; wait while a full window is waiting."""
        try:
            for text in texts:
                with self._changed:
                    while not self._stopped and self._full():
                        self._changed.wait()
                    if self._stopped:
                        return
                    self._texts.append(text)
                    self._waiting_characters += len(text)
                    if len(self._texts) == 1 or self._full():
                        self._changed.notify()
        except BaseException as error:  # handed to the thread that asked for the texts
            self._error = error
        finally:
            with self._changed:
                self._finished = True
                self._changed.notify()

    def take(self) -> list[str]:
        """Return what has arrived, waiting for at least one text; an empty list at the end."""
        with self._changed:
            while not self._texts and not self._finished:
                # Not for ever: a Ctrl-C that comes just before the wait is noticed only when the wait ends.
                self._changed.wait(NOTICE)
            window = list(self._texts)
            self._texts.clear()
            self._waiting_characters = 0
            self._changed.notify()
        if not window and self._error is not None:
            raise self._error
        return window

    def stop(self) -> None:
        """Let the reader go, at the next text it reads."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def _full(self) -> bool:
        return len(self._texts) >= self._size or self._waiting_characters >= self._characters
