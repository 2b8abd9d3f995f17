"""The texts of many clients through the network together: a queue, and threads that take from it in batches."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from attnclf.errors import AttnclfError
from attnclf.serve.limits import Room

W = TypeVar("W")
R = TypeVar("R")

log = logging.getLogger("attnclf.serve")


class Job(Generic[W, R]):
    """A piece of work that waits for its answer; `units` is about how much the network has to read for it."""

    __slots__ = ("_room", "answer", "since", "texts", "units", "work")

    def __init__(self, work: W, texts: int, units: float, room: Room) -> None:
        self.work: W | None = work
        self.texts, self.units = texts, units
        self.since = time.monotonic()
        self.answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._room = room
        room.take(texts)
        self.answer.add_done_callback(self._leave)

    def _leave(self, _: object) -> None:
        """Give the room back, and let go of the texts: one that was cancelled may stay in the queue for a while."""
        self._room.give_back(self.texts)
        self.work = None


class Batcher(Generic[W, R]):
    """Runs work of many requests together.

    `run` takes the work of a batch and returns an answer for each, in order. A batch is what has arrived, up to a
    `budget` of units; one that is not full waits for `delay` seconds after its first job for more. A job that is
    cancelled before its batch begins is left out. When a batch fails, each of its jobs is run alone, so that only the
    one at fault gets the error.
    """

    def __init__(
        self,
        run: Callable[[list[W]], Sequence[R]],
        *,
        workers: int,
        room: Room,
        budget: float = 0,
        delay: float = 0,
    ) -> None:
        self._run = run
        self.room, self._budget, self._delay = room, budget, delay
        self._queue: SimpleQueue[Job[W, R] | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, work: W, *, texts: int, units: float) -> "asyncio.Future[R]":
        """Queue work and return its answer to come, which may be cancelled. Raises Overloaded for a full queue."""
        job: Job[W, R] = Job(work, texts, units, self.room)
        self._queue.put(job)
        return job.answer

    def close(self) -> None:
        """Let the threads go when they have done what is queued."""
        for _ in self._threads:
            self._queue.put(None)

    def _work(self) -> None:
        while jobs := self._take():
            # What is cancelled while the batch runs has no work left, but its work stays in this list.
            pairs = [(job, work) for job in jobs if (work := job.work) is not None]
            if pairs:
                self._loop.call_soon_threadsafe(_deliver, self._answered(pairs))

    def _take(self) -> list[Job[W, R]]:
        """Wait for a job and return it with those that share its batch; nothing when it is time to go."""
        first = self._queue.get()
        if first is None:
            return []
        jobs, units = [first], first.units
        while units < self._budget:
            wait = first.since + self._delay - time.monotonic()
            try:
                following = self._queue.get(timeout=wait) if wait > 0 else self._queue.get_nowait()
            except Empty:
                break
            if following is None:
                self._queue.put(None)  # after this batch
                break
            jobs.append(following)
            units += following.units
        return jobs

    def _answered(self, pairs: list[tuple[Job[W, R], W]]) -> list[tuple[Job[W, R], R | BaseException]]:
        try:
            answers = self._run([work for _, work in pairs])
            return [(job, answer) for (job, _), answer in zip(pairs, answers, strict=True)]
        except BaseException as error:  # a thread that died would leave its clients waiting
            if len(pairs) > 1:
                return [answered for pair in pairs for answered in self._answered([pair])]
            if not isinstance(error, AttnclfError):
                log.exception("A batch failed")
            return [(pairs[0][0], error)]


def _deliver(answered: list[tuple[Job[W, R], R | BaseException]]) -> None:
    for job, answer in answered:
        if job.answer.done():
            continue
        if isinstance(answer, AttnclfError):
            job.answer.set_exception(answer)
        elif isinstance(answer, BaseException):
            # Not itself: a future takes no StopIteration, and SystemExit would end the server.
            job.answer.set_exception(RuntimeError(f"a batch failed: {type(answer).__name__}"))
        else:
            job.answer.set_result(answer)
