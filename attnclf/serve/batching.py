"""The texts of many clients through the network together: a queue, and threads that take from it in batches."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from attnclf.errors import AttnclfError
from attnclf.serve.limits import CapacityLimiter

W = TypeVar("W")
R = TypeVar("R")

log = logging.getLogger("attnclf.serve")


class Job(Generic[W, R]):
    """A piece of work that waits for its answer; `size` is its part of the capacity and of a batch."""

    __slots__ = ("_capacity", "answer", "since", "size", "work")

    def __init__(self, work: W, size: int, capacity: CapacityLimiter) -> None:
        capacity.acquire(size)
        self.work: W | None = work
        self.size, self._capacity = size, capacity
        self.since = time.monotonic()
        self.answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self.answer.add_done_callback(self._leave)

    def _leave(self, _: object) -> None:
        """Release the capacity and the work: a cancelled job may stay in the queue for a while."""
        self._capacity.release(self.size)
        self.work = None


class Batcher(Generic[W, R]):
    """Runs work of many requests together.

    `run` takes the work of a batch and returns an answer for each, in order. A batch is what has arrived, up to a
    `budget` of sizes; one that is not full waits for more until its first job is `delay` seconds old. A job that is
    cancelled before its batch begins is left out. Where a batch fails, each of its jobs is run alone, so that only the
    one at fault gets the error.
    """

    def __init__(
        self,
        run: Callable[[list[W]], Sequence[R]],
        *,
        workers: int,
        capacity: CapacityLimiter,
        budget: float = 0,
        delay: float = 0,
    ) -> None:
        self._run = run
        self.capacity, self._budget, self._delay = capacity, budget, delay
        self._queue: SimpleQueue[Job[W, R] | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._workers = workers
        for _ in range(workers):
            threading.Thread(target=self._work, daemon=True).start()

    def submit(self, work: W, size: int) -> "asyncio.Future[R]":
        """Queue work and return its answer to come, which may be cancelled. Raises Overloaded for a full queue."""
        job: Job[W, R] = Job(work, size, self.capacity)
        self._queue.put(job)
        return job.answer

    def close(self) -> None:
        """Let the threads go when they have done what is queued."""
        for _ in range(self._workers):
            self._queue.put(None)

    def _work(self) -> None:
        while jobs := self._take():
            # A job lets go of its work when it is cancelled; the batch holds on to it.
            begun = [(job, work) for job in jobs if (work := job.work) is not None]
            if begun:
                self._loop.call_soon_threadsafe(_deliver, self._answered(begun))

    def _take(self) -> list[Job[W, R]]:
        """Wait for a job and return it with those that share its batch; nothing when it is time to go."""
        first = self._queue.get()
        if first is None:
            return []
        jobs, size = [first], first.size
        if size < self._budget and (wait := first.since + self._delay - time.monotonic()) > 0:
            time.sleep(wait)  # and not by waiting for each job that comes: every time would wake the thread
        while size < self._budget:
            try:
                following = self._queue.get_nowait()
            except Empty:
                break
            if following is None:
                self._queue.put(None)  # for after this batch
                break
            jobs.append(following)
            size += following.size
        return jobs

    def _answered(self, begun: list[tuple[Job[W, R], W]]) -> list[tuple[Job[W, R], R | BaseException]]:
        try:
            answers = self._run([work for _, work in begun])
            return [(job, answer) for (job, _), answer in zip(begun, answers, strict=True)]
        except BaseException as error:  # of any kind: a thread that died would leave its clients waiting
            if len(begun) > 1:
                return [answered for one in begun for answered in self._answered([one])]
            if not isinstance(error, AttnclfError):
                log.exception("A batch failed")
            return [(begun[0][0], error)]


def _deliver(answered: Sequence[tuple[Job[W, R], R | BaseException]]) -> None:
    for job, answer in answered:
        if job.answer.done():
            continue
        if isinstance(answer, AttnclfError):
            job.answer.set_exception(answer)
        elif isinstance(answer, BaseException):
            # Not itself: SystemExit would end the server, and no future takes a StopIteration.
            job.answer.set_exception(RuntimeError(f"a batch failed: {type(answer).__name__}"))
        else:
            job.answer.set_result(answer)
