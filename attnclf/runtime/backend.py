"""What runs an exported network: a `Classifier` needs this of it and nothing more."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Device = Literal["auto", "cpu", "cuda"]


class NetworkOutput(NamedTuple):
    """What a network computes for a batch.

    logits (batch, labels), probabilities (batch, labels), attention (batch, time): all float32. `named` holds those of
    the further outputs that were asked for.
    """

    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    attention: NDArray[np.float32]
    named: Mapping[str, NDArray[Any]]


class Backend(Protocol):
    """Runs one exported network, for any number of threads.

    `device` is the device that it runs on, and `workers` the number of batches that suit it at a time. `no_gpu` is the
    reason why `auto` did not take a GPU whose driver is installed, else None. `reads_ngrams` is whether the network
    takes the n-grams of unknown words. `axes` has the further outputs of the network: the axes of each, with a name
    ("batch", "time") for an axis that varies.
    """

    device: Literal["cpu", "cuda"]
    workers: int
    no_gpu: str | None
    reads_ngrams: bool
    axes: Mapping[str, tuple[str | int, ...]]

    def run(
        self,
        ids: NDArray[np.int64] | NDArray[np.float32],
        lengths: NDArray[np.integer],
        ngrams: NDArray[np.int64] | None = None,
        *,
        named: Iterable[str] = (),
    ) -> NetworkOutput:
        """Run ids (batch, time), 0 at padding, or numbers (batch, columns), and lengths (batch,), each at least 1.

        `ngrams` (unknown, n-grams) has the n-gram slots of the unknown words, for a network that `reads_ngrams`. Of the
        outputs in `axes`, those in `named` are computed; the work for the others is left out.
        """
        ...

    def warm_up(self) -> None:
        """Run a text of one token: this loads what the device loads at first use, and shows whether it can."""
        ...
