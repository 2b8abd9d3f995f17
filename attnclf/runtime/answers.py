"""Texts in, one line out for each: what `predict` writes, in this process or on many machines."""

import contextlib
import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import repeat
from typing import NamedTuple, TextIO

from attnclf.runtime.classifier import Classifier, Prediction
from attnclf.runtime.stream import Windows, overlapped

SWITCH = 0.0005  # seconds after which a thread lets another one have the interpreter

Line = Callable[[Classifier, str, Prediction], str]


class Answered(NamedTuple):
    """How many texts have been answered, and how many of them were read up to their first units only."""

    texts: int
    truncated: int


def answer(
    classifier: Classifier, texts: Iterable[str], output: TextIO, *, line: Line, threshold: float | None = None
) -> Answered:
    """Write what `line` makes of each text and its prediction, in order, at once when texts trickle in.

    Memory is constant: a window of texts at a time. `threshold` is that of `Classifier.predict`.
    """
    read = cut = 0
    with _undisturbed(), Windows(texts) as windows:
        for window, predictions in overlapped(windows, partial(classifier.start, threshold=threshold)):
            output.write("\n".join([*map(line, repeat(classifier), window, predictions), ""]))
            output.flush()
            read += len(predictions)
            cut += sum(prediction.truncated for prediction in predictions)
    return Answered(read, cut)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Look for no circles of objects, for none are made; and let a core that has finished a batch wait less.

    A twentieth of the time each, on two cores.
    """
    collecting, interval = gc.isenabled(), sys.getswitchinterval()
    gc.disable()
    sys.setswitchinterval(SWITCH)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        if collecting:
            gc.enable()
