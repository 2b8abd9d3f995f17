"""What a method says of many texts, and the time that takes."""

import time
from collections.abc import Callable, Sequence

from attnclf.data.batches import in_order
from attnclf.explain.methods import Method
from attnclf.explain.perturbation import PerturbationScorer
from attnclf.explain.target import ExplanationTarget, targets_of
from attnclf.explain.types.weights import Weights
from attnclf.runtime.classifier import Classifier

TOGETHER = 256  # texts at a time: those of about one length go through the network with little padding
PAIRS = 2**24  # of units of each of these texts, which bounds the memory

Tick = Callable[[int], None]  # told of so many texts that are done


def weighed(targets: Sequence[ExplanationTarget], scorer: PerturbationScorer, row: Method, tick: Tick) -> list[Weights]:
    """Return the weights of each text."""
    weights: list[Weights] = []
    for run in in_order([len(target.ids) for target in targets], PAIRS, TOGETHER):
        weights += row.weigh(targets[run], scorer)
        tick(len(targets[run]))
    return weights


def timed(
    classifier: Classifier,
    scorer: PerturbationScorer,
    texts: Sequence[str],
    row: Method,
    tick: Tick = lambda count: None,
) -> tuple[list[Weights], float]:
    """Return the weights of each text, none of which is blank, and the milliseconds that one takes, prediction and all.

    What is built once is not counted.
    """
    outputs = row.named(classifier.backend.axes)
    row.weigh(targets_of(classifier, texts[:1], outputs), scorer)
    start = time.perf_counter()
    weights = weighed(targets_of(classifier, texts, outputs), scorer, row, tick)
    return weights, 1000 * (time.perf_counter() - start) / len(texts)
