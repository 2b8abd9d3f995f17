"""The weights of a method for many texts, and the time that they take."""

import time
from collections.abc import Callable, Sequence

from attnclf.data.batches import in_order
from attnclf.explain.methods.method import Method
from attnclf.explain.perturbation import PerturbationScorer
from attnclf.explain.read_texts import ReadTexts
from attnclf.explain.target import ExplanationTarget
from attnclf.explain.types.weights import Weights
from attnclf.runtime.classifier import Classifier

TOGETHER = 256  # texts at a time: those of similar length go through the network with little padding
PAIRS = 2**24  # pairs of tokens of each of these texts, which bounds the memory

Tick = Callable[[int], None]  # called with the number of texts that are done


def weighed(targets: Sequence[ExplanationTarget], scorer: PerturbationScorer, row: Method, tick: Tick) -> list[Weights]:
    """Return the weights of each target."""
    weights: list[Weights] = []
    for run in in_order([len(target.ids) for target in targets], PAIRS, TOGETHER):
        weights += row.weigh(targets[run], scorer)
        tick(len(targets[run]))
    return weights


def timed_read(classifier: Classifier, texts: Sequence[str], named: Sequence[str]) -> tuple[ReadTexts, float]:
    """Return texts as read, with these outputs, and the milliseconds that one text takes."""
    ReadTexts.of(classifier, texts[:1], named)  # opens the graph with these outputs
    start = time.perf_counter()
    read = ReadTexts.of(classifier, texts, named)
    return read, 1000 * (time.perf_counter() - start) / len(texts)


def timed(read: ReadTexts, row: Method, tick: Tick = lambda count: None) -> tuple[list[Weights], float]:
    """Return the weights of each text, none of them blank, and the milliseconds that one text takes.

    The prediction, and what a method builds once, are not counted.
    """
    targets = read.filled
    row.weigh(targets[:1], read.scorer)
    start = time.perf_counter()
    weights = weighed(targets, read.scorer, row, tick)
    return weights, 1000 * (time.perf_counter() - start) / len(targets)
