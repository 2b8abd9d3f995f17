"""What a model does on this machine: throughput, latency and memory, for each precision and device."""

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import numpy as np

from attnclf.bundle import Precision, open_bundle
from attnclf.data.inputs import open_input
from attnclf.data.inputs import texts as texts_of
from attnclf.data.read_options import ReadOptions
from attnclf.errors import DataError, DeviceError
from attnclf.runtime.backend import Device
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.onnxruntime_backend import has_gpu
from attnclf.runtime.samples import made_for

UNITS = 50_000  # of the texts of a round, which is over within a second or two
TEXTS = 4096  # at most; what `predict` hands on together
ROUNDS = 5  # after one that does not count
ALONE = 300  # texts judged one by one for the latency ...
PATIENCE = 5.0  # ... or as many as go into so many seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The median of several rounds, with the slowest and the fastest one."""

    median: float
    min: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One precision on one device.

    `lines` and `tokens` count texts and tokens a second from text to prediction, with the tokenizer; `session_tokens`
    the tokens that the network alone takes in a second, in the same batches. `p50` and `p99` are milliseconds for a
    text that comes alone. `memory` is the peak of a process that does only this, in bytes; None on Windows, which does
    not report it.
    """

    precision: Precision
    device: Literal["cpu", "cuda"]
    texts: int
    mean_units: float
    lines: Spread
    tokens: Spread
    session_tokens: Spread
    p50: float
    p99: float
    memory: int | None


def bench(
    folder: Path, *, file: str | None = None, device: Device = "auto", precision: Precision | None = None
) -> Iterator[Figures]:
    """Measure a model folder, each precision and device in a process of its own, one after the other.

    Without `precision`, all that the folder has; `auto` means the CPU, and a GPU if one works. The texts are the first
    ones of `file`, or made for the model. Raises DeviceError for a device that is asked for and missing.
    """
    devices: tuple[Device, ...] = (("cpu", "cuda") if has_gpu() else ("cpu",)) if device == "auto" else (device,)
    bundle = open_bundle(folder)
    if precision is not None:
        bundle.network(precision)
    for one in devices:
        for kind in (precision,) if precision is not None else bundle.precisions:
            if kind == "int8" and one == "cuda" and (precision is None or device == "auto"):
                continue
            # A fresh interpreter, so that its peak of memory is that of this precision alone.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                try:
                    yield process.submit(measure, folder, file, one, kind).result()
                except DeviceError:
                    if device == "cuda":
                        raise


def measure(folder: Path, file: str | None, device: Device, precision: Precision) -> Figures:
    """Measure one precision on one device, in this process."""
    classifier = Classifier.load(folder, device=device, precision=precision)
    texts = _texts(classifier, file)
    encoded = classifier.encoded(texts)
    units = int(encoded.tokens.lengths.sum())
    batches = [classifier.inputs(encoded, rows) for rows in classifier.batches(encoded)]
    whole = _rounds(lambda: classifier.predict(texts))
    alone = _rounds(lambda: list(classifier.each(lambda batch: classifier.backend.run(*batch), batches)))
    latency = 1000 * np.array(list(_latencies(classifier, texts)))
    return Figures(
        precision=precision,
        device=classifier.backend.device,
        texts=len(texts),
        mean_units=units / len(texts),
        lines=_rate(len(texts), whole),
        tokens=_rate(units, whole),
        session_tokens=_rate(units, alone),
        p50=float(np.quantile(latency, 0.5)),
        p99=float(np.quantile(latency, 0.99)),
        memory=_peak(),
    )


def _texts(classifier: Classifier, file: str | None) -> list[str]:
    """Return texts of `UNITS` tokens, or as many as there are."""
    if file is None:
        return _fill(classifier, iter(made_for(classifier, TEXTS)))
    with open_input(file) as source:
        found = _fill(classifier, texts_of(source, ReadOptions(feature_columns=classifier.bundle.columns)))
    if not found:
        raise DataError(f"{file} has no texts", fix="name a file with one text a line")
    return found


def _fill(classifier: Classifier, texts: Iterator[str]) -> list[str]:
    chosen: list[str] = []
    units = 0
    for text in texts:
        if not text.strip():
            continue
        chosen.append(text)
        units += min(len(classifier.tokenizer.pieces(text)), classifier.tokenizer.max_length)
        if units >= UNITS or len(chosen) == TEXTS:
            break
    return chosen


def _rounds(run: Callable[[], object]) -> list[float]:
    """Return the seconds of each round after the first."""
    seconds = []
    for _ in range(1 + ROUNDS):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return seconds[1:]


def _rate(count: int, seconds: Sequence[float]) -> Spread:
    rates = [count / one for one in seconds]
    return Spread(median=statistics.median(rates), min=min(rates), max=max(rates))


def _latencies(classifier: Classifier, texts: Sequence[str]) -> Iterator[float]:
    """Yield the seconds of each text alone."""
    begun = time.perf_counter()
    for number in range(ALONE):
        started = time.perf_counter()
        classifier.predict([texts[number % len(texts)]])
        ended = time.perf_counter()
        yield ended - started
        if ended - begun > PATIENCE:
            return


def _peak() -> int | None:
    """Return the peak memory of this process in bytes."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
