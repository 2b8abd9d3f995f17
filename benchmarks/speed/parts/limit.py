"""The machine's limit: the product of two large square matrices in fp32, the most that these cores compute."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from attnclf.machine import cores
from benchmarks.results import machine, section, table, threads
from benchmarks.speed.contender import Contender
from benchmarks.speed.rounds import Spread, in_turns
from benchmarks.speed.settings import Setup

SIZES = (2048, 4096)
LIBRARIES = ("numpy", "torch")


def prepare(sizes: Sequence[int]) -> Callable[[], dict[str, float]]:
    """Return what gives the GFLOP/s of each library at each size, now."""
    rates = {f"{library}, {size} × {size}": product(library, size) for library in LIBRARIES for size in sizes}
    return lambda: {name: rate() for name, rate in rates.items()}


def product(library: str, size: int) -> Callable[[], float]:
    """Return what multiplies two matrices (size, size) once and returns the GFLOP/s: 2 size³ operations."""
    import numpy as np

    a, b, c = (np.random.default_rng(seed).random((size, size), dtype=np.float32) for seed in range(3))
    if library == "torch":
        import torch

        left, right, out = map(torch.from_numpy, (a, b, c))

    def rate() -> float:
        started = time.perf_counter()
        torch.matmul(left, right, out=out) if library == "torch" else np.matmul(a, b, out=c)
        return 2 * size**3 / (time.perf_counter() - started) / 1e9

    rate()  # touches the memory and starts the threads
    return rate


def prepare_best() -> Callable[[], float]:
    """Return what gives the GFLOP/s of the library that is faster this time, at the largest size."""
    measure_all = prepare(SIZES[-1:])
    return lambda: max(measure_all().values())


def limit(count: int) -> Contender:
    """Return a contender that measures the limit on this number of threads, within the rounds of a part."""
    return Contender(f"{__name__}:prepare_best", environ=on(count))


def on(count: int) -> dict[str, str]:
    """Return the environment that gives numpy's and torch's products this number of threads."""
    return {"OMP_NUM_THREADS": str(count), "OPENBLAS_NUM_THREADS": str(count)}


def measure(setup: Setup) -> str:
    """Return the table of GFLOP/s by library, size and threads."""
    sizes = SIZES if setup.rows is None else (setup.rows,)
    with ExitStack() as processes:
        contenders = {
            threads(count): processes.enter_context(Contender(f"{__name__}:prepare", sizes, environ=on(count)))
            for count in sorted({1, cores()})
        }
        found = in_turns(contenders, setup.rounds or 7)
    rows = [
        [name, *(Spread.of([rates[name] for rates in rounds]).shown() for rounds in found.values())]
        for name in next(iter(found.values()))[0]
    ]
    return section(
        machine("numpy", "torch"),
        "fp32, GFLOP/s, median of the rounds (least to greatest). Other parts are compared with the faster "
        "library in each of their own rounds.",
        table(["product", *found], rows),
    )
