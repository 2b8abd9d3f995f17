"""Texts in, one line out for each: what `predict` writes, in this process or on many machines."""

import contextlib
import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from typing import NamedTuple, TextIO

from attnclf.runtime.classifier import Classifier, Prediction
from attnclf.runtime.remembered import Remembered
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

    Memory is bounded: that of a few windows of texts, and of the last lines. `threshold` is that of
    `Classifier.predict`.
    """
    remembered = Remembered()

    def start(window: list[str]) -> Callable[[], tuple[list[str], int]]:
        lines = remembered.among(window)
        new = [text for text in dict.fromkeys(window) if text not in lines]
        predicted = classifier.start(new, threshold=threshold)

        def finish() -> tuple[list[str], int]:
            predictions = predicted()
            found = dict(zip(new, map(line, repeat(classifier), new, predictions), strict=True))
            lines.update(found)
            long = {text for text, prediction in zip(new, predictions, strict=True) if prediction.truncated}
            for text in long:  # not to be remembered, so that it is counted when it comes again
                del found[text]
            remembered.keep(found)
            return list(map(lines.__getitem__, window)), sum(text in long for text in window) if long else 0

        return finish

    read = cut = 0
    with _undisturbed(), Windows(texts) as windows:
        for window, (lines, truncated) in overlapped(windows, start):
            output.write("\n".join([*lines, ""]))
            output.flush()
            read += len(window)
            cut += truncated
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
