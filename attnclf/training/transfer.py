"""What goes to a GPU and comes back without making either side wait; on a CPU, the arrays themselves.

A copy from ordinary memory, or a number that is read back, holds the host until the GPU has done all its work. The GPU
then idles until the host has prepared the next batch. So arrays go out through pinned memory, and a result is
read when the next batch is already on its way.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import torch
from numpy.typing import NDArray
from torch import Tensor

T = TypeVar("T")


def sent(array: NDArray[Any], device: torch.device) -> Tensor:
    """Return the array as a tensor of the device, where it arrives before anything started later reads it."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def arriving(tensor: Tensor) -> Callable[[], Tensor]:
    """Start the tensor's way to the host, and return what waits for it there."""
    if not tensor.is_cuda:
        return lambda: tensor
    copy = tensor.to("cpu", non_blocking=True)  # into pinned memory
    there = torch.cuda.Event()  # type: ignore[no-untyped-call]
    there.record()

    def wait() -> Tensor:
        there.synchronize()
        return copy

    return wait


def behind(device: torch.device) -> int:
    """Return how many results may be on their way while the next one is computed."""
    return 1 if device.type == "cuda" else 0


def late(results: Iterable[T], by: int) -> Iterator[T]:
    """Yield the results in order, each when `by` further ones have been started."""
    waiting: deque[T] = deque()
    for result in results:
        waiting.append(result)
        if len(waiting) > by:
            yield waiting.popleft()
    yield from waiting
