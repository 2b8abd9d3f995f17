"""How long a training may take, and work that is left where that time is over or somebody wants it to stop.

The limit counts from when the rows are read. What cannot be left out comes at the end: the export, its check, and the
scores. Where `FINISH` is more than the `GRACE` that a limit has, learning ends earlier by the difference.
"""

import math
import threading
import time
from collections.abc import Callable
from typing import TypeVar

GRACE, SECONDS = 0.1, 1.0  # share of the limit, and seconds, by which a training may take longer
FINISH = 5.0  # seconds of the export and all that must follow it
LEARNING = 1.0  # seconds that the network learns at least, as far as the limit goes
POLL = 0.1  # seconds in which a Ctrl-C is noticed

T = TypeVar("T")


class LeftError(Exception):
    """Raised inside work that is no longer wanted."""


class Interrupted:
    """Set from a signal handler to end training after the current step, keeping the best weights."""

    def __init__(self) -> None:
        self.requested = False


class Limits:
    """The seconds that a training has, None without limit, from now on; and whether it was `interrupted`."""

    def __init__(self, seconds: float | None, interrupted: Interrupted) -> None:
        self.seconds = math.inf if seconds is None else seconds
        self.interrupted = interrupted
        self._begun = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    @property
    def latest(self) -> float:
        """Seconds after the beginning at which the work that can be left out has to be over."""
        return (1 + GRACE) * self.seconds + SECONDS

    def share(self, of: float, until: float | None) -> float:
        """Return the second at which a share of the time from now to `until` is over."""
        now = self.elapsed
        return math.inf if until is None else now + of * max(until - now, 0.0)

    def learning(self, until: float | None) -> float | None:
        """Return the second at which learning must end that may go on `until` then, so that there is time to finish."""
        if until is None:
            return None
        earliest = min(until, self.elapsed + LEARNING)
        return max(min(until, self.seconds - max(FINISH - GRACE * self.seconds, 0.0)), earliest)

    def within(self, work: Callable[[Callable[[], None]], T], until: float) -> T | None:
        """Return what work returns; None where it is not over `until` then, or training was interrupted.

        It runs in a thread, so that a Ctrl-C is answered while it computes. It is given what it should call again and
        again, which ends it when nobody waits for it any longer.
        """
        left, done = threading.Event(), threading.Event()
        found: list[T] = []
        errors: list[BaseException] = []

        def check() -> None:
            if left.is_set():
                raise LeftError

        def run() -> None:
            try:
                found.append(work(check))
            except LeftError:
                pass
            except BaseException as error:  # raised where it is waited for
                errors.append(error)
            finally:
                done.set()

        if self.interrupted.requested or self.elapsed >= until:
            return None
        threading.Thread(target=run, daemon=True).start()
        try:
            while not done.wait(POLL):
                if self.interrupted.requested or self.elapsed >= until:
                    return None
        finally:
            left.set()
        if errors:
            raise errors[0]
        return found[0]
