"""Threads that work for any number of callers: each process has its own, and none is needed to get an answer."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from attnclf.forking import PerProcess

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

R = TypeVar("R")


class Workers(PerProcess):
    """A pool of `count` threads, started at first use; `prepare` runs in each thread before its first task."""

    def __init__(self, count: int, prepare: Callable[[], object] | None = None) -> None:
        self._count, self._prepare = count, prepare
        super().__init__()

    def renew(self) -> None:
        """Forget the pool, whose threads a forked child does not have."""
        self._pool: ThreadPoolExecutor | None = None
        self._opening = Lock()

    def begin(self, run: Callable[..., R], *arguments: Any) -> "Future[R]":
        """Run a function in a thread; in this one where no thread can be had.

        That is so while the interpreter shuts down, and where the system refuses another thread.
        """
        from concurrent.futures import Future  # not before it is needed: it takes milliseconds

        try:
            return self._opened().submit(run, *arguments)
        except RuntimeError:
            done: Future[R] = Future()
            try:
                done.set_result(run(*arguments))
            except Exception as error:
                done.set_exception(error)
            return done

    def map(self, run: Callable[..., R], *arguments: Iterable[Any]) -> Iterator[R]:
        """Begin to run a function for each place of the arguments; results come in order."""
        begun = deque(self.begin(run, *given) for given in zip(*arguments, strict=True))
        return _results(begun)

    def _opened(self) -> "ThreadPoolExecutor":
        from concurrent.futures import ThreadPoolExecutor

        with self._opening:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._count, initializer=self._prepare)
            return self._pool


def _results(begun: "deque[Future[R]]") -> Iterator[R]:
    """Yield the results, and keep none; what has not begun when nobody asks any more is left out."""
    try:
        while begun:
            yield begun.popleft().result()
    finally:
        for future in begun:
            future.cancel()
