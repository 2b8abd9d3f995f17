"""The queue and its batches, without a network in between."""

import asyncio
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.errors import ConfigError
from attnclf.serve.batching import Batcher
from attnclf.serve.limits import CapacityLimiter
from attnclf.serve.refusals import Overloaded


def batcher(run, *, workers=1, capacity=100, **options):
    return Batcher(run, workers=workers, capacity=CapacityLimiter(capacity, "queue"), **options)


class Gate:
    """Doubles numbers, once it is open; remembers the batches."""

    def __init__(self):
        self.open = threading.Event()
        self.batches = []

    def __call__(self, work):
        assert self.open.wait(20)
        self.batches.append(list(work))
        return [2 * number for number in work]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.integers(1, 3), st.integers(0, 20))
def test_every_job_gets_its_own_answer_whatever_shares_its_batch(numbers, workers, budget):
    async def main():
        queue = batcher(lambda work: [2 * number for number in work], workers=workers, capacity=1000, budget=budget)
        answers = await asyncio.gather(*(queue.submit(number, number) for number in numbers))
        queue.close()
        return answers

    assert asyncio.run(main()) == [2 * number for number in numbers]


def test_what_has_arrived_shares_a_batch_up_to_the_budget():
    async def main():
        gate = Gate()
        queue = batcher(gate, budget=3)
        jobs = [queue.submit(1, 1)]
        await asyncio.sleep(0.05)  # the first is alone with the worker
        jobs += [queue.submit(number, 1) for number in range(2, 9)]
        gate.open.set()
        await asyncio.gather(*jobs)
        queue.close()
        return gate.batches

    assert asyncio.run(main()) == [[1], [2, 3, 4], [5, 6, 7], [8]]


def test_a_batch_waits_for_more_until_the_delay_has_passed():
    async def main():
        gate = Gate()
        gate.open.set()
        queue = batcher(gate, budget=10, delay=0.3)
        first = queue.submit(1, 1)
        await asyncio.sleep(0.05)
        await asyncio.gather(first, queue.submit(2, 1))
        queue.close()
        return gate.batches

    assert asyncio.run(main()) == [[1, 2]]


def test_a_full_queue_refuses_and_takes_again_when_there_is_room():
    async def main():
        gate = Gate()
        queue = batcher(gate, capacity=3)
        jobs = [queue.submit(number, 1) for number in (1, 2, 3)]
        with pytest.raises(Overloaded, match="busy"):
            queue.submit(4, 1)
        gate.open.set()
        await asyncio.gather(*jobs)
        answer = await queue.submit(5, 1)
        queue.close()
        return answer

    assert asyncio.run(main()) == 10


def test_a_job_larger_than_the_capacity_is_accepted_when_it_is_alone():
    async def main():
        queue = batcher(lambda work: work, capacity=3)
        answer = await queue.submit(1, 50)
        queue.close()
        return answer, queue.capacity.used

    assert asyncio.run(main()) == (1, 0)


def test_cancelled_work_is_left_out_and_its_room_is_free_at_once():
    async def main():
        gate = Gate()
        queue = batcher(gate, capacity=2)
        first = queue.submit(1, 1)
        await asyncio.sleep(0.05)
        second = queue.submit(2, 1)
        second.cancel()
        await asyncio.sleep(0)
        third = queue.submit(3, 1)
        gate.open.set()
        await asyncio.gather(first, third)
        queue.close()
        return gate.batches

    assert asyncio.run(main()) == [[1], [3]]


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, StopIteration, MemoryError])
def test_a_worker_that_is_killed_by_its_work_serves_on(error, caplog):
    def run(work):
        if 0 in work:
            raise error
        return work

    async def main():
        queue = batcher(run, budget=10, delay=0.05)
        answers = await asyncio.gather(*(queue.submit(number, 1) for number in (1, 0, 2)), return_exceptions=True)
        answers.append(await queue.submit(3, 1))
        queue.close()
        return answers

    first, failed, *others = asyncio.run(main())
    assert [first, *others] == [1, 2, 3]  # not even those of the same batch notice
    assert isinstance(failed, RuntimeError)
    assert "A batch failed" in caplog.text


def test_an_error_that_a_person_can_put_right_reaches_its_own_client_only(caplog):
    def run(work):
        if "bad" in work:
            raise ConfigError("bad work", fix="do better")
        return work

    async def main():
        queue = batcher(run, budget=10, delay=0.05)
        answers = await asyncio.gather(queue.submit("good", 1), queue.submit("bad", 1), return_exceptions=True)
        queue.close()
        return answers

    good, bad = asyncio.run(main())
    assert good == "good"
    assert str(bad) == "bad work; do better"
    assert not caplog.text


def test_closing_does_what_is_queued_and_lets_the_threads_go():
    async def main():
        before = threading.active_count()
        queue = batcher(lambda work: work, workers=3, budget=5)
        jobs = [queue.submit(number, 1) for number in range(20)]
        queue.close()
        assert await asyncio.gather(*jobs) == list(range(20))
        until = time.monotonic() + 10
        while threading.active_count() > before and time.monotonic() < until:
            await asyncio.sleep(0.01)
        return threading.active_count() - before

    assert asyncio.run(main()) == 0
