"""How long a training may take, and work that is left where that time is over or somebody wants it to stop.

The limit counts from when the rows are read. What cannot be left out comes at the end: the export, its check, and the
scores (`Limits.finish`). Where that takes longer than the `GRACE` of a limit, learning ends earlier by the difference.
"""

import math
import threading
import time
from collections.abc import Callable
from typing import TypeVar

GRACE, SECONDS = 0.1, 1.0  # share of the limit, and seconds, by which a training may take longer
EXPORT, LABELS, CHARACTERS, CELLS = 5.0, 3000, 400_000, 2_000_000  # seconds, and how much takes another one
LEARNING = 1.0  # seconds that the network learns at least, as far as the limit goes
# Seconds that are given at least to what a model of few rows and labels has done by then; and how many more the end of
# a larger one takes.
LEAST, FEW = 0.8, 2.0
POLL, PATIENCE = 0.1, 0.4  # seconds in which a Ctrl-C is noticed, and in which work that is left should end

T = TypeVar("T")


class LeftError(Exception):
    """Raised inside work that is no longer wanted."""


class Interrupted:
    """Set from a signal handler to end training after the current step, keeping the best weights."""

    def __init__(self) -> None:
        self.requested = False


class Limits:
    """The seconds that a training has, None without limit, and whether it was `interrupted`.

    The seconds count from `begun` on the monotonic clock, or from now. `finish` is an estimate of the seconds that the
    end takes: it grows with the number of labels, and with the characters and rows that are scored.
    """

    def __init__(
        self,
        seconds: float | None,
        interrupted: Interrupted,
        labels: int = 2,
        characters: int = 0,
        rows: int = 0,
        *,
        begun: float | None = None,
    ) -> None:
        self.seconds = math.inf if seconds is None else seconds
        self.finish = EXPORT + labels / LABELS + characters / CHARACTERS + rows * labels / CELLS
        self.interrupted = interrupted
        self._begun = time.monotonic() if begun is None else begun

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    @property
    def latest(self) -> float:
        """Seconds after the beginning at which the work that can be left out has to be over."""
        return (1 + GRACE) * self.seconds + SECONDS

    def share(self, of: float, until: float | None) -> float:
        """Return the second at which a share is over of the time from now to `until`, or to when the end must begin.

        It is at least `LEAST` seconds from now where rows and labels are few, so that this may suffice.
        """
        if until is None:
            return math.inf
        now = self.elapsed
        least = LEAST if self.finish < EXPORT + FEW else 0.0
        return now + max(of * (min(until, self.latest - self.finish) - now), least)

    def learning(self, until: float) -> float:
        """Return the second at which learning must end that may go on `until` then, so that there is time to finish."""
        earliest = min(until, self.elapsed + LEARNING)
        return max(min(until, self.seconds - max(self.finish - GRACE * self.seconds, 0.0)), earliest)

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
            done.wait(PATIENCE)
        if errors:
            raise errors[0]
        return found[0]
