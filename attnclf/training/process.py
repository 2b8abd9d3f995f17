"""What a training takes from its process, which has one of each: torch's random state and its number of threads."""

import contextlib
import threading
from collections.abc import Iterator

import torch

_ONE_AT_A_TIME = threading.Lock()


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """Wait for other trainings in this process to end, and give torch's random state and threads back afterwards.

    Two at a time would draw from one stream of random numbers, and torch's exporter works for one thread only.
    """
    with _ONE_AT_A_TIME, torch.random.fork_rng(devices=[]):
        threads = torch.get_num_threads()
        try:
            yield
        finally:
            torch.set_num_threads(threads)
