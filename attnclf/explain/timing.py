"""What a method says of many texts, and the time that takes."""

import time
from collections.abc import Callable, Sequence

from attnclf.data.batches import in_order
from attnclf.explain.methods import Method
from attnclf.explain.question import Judge, Question, Weights, questions_about
from attnclf.runtime.classifier import Classifier

TOGETHER = 256  # texts at a time: those of about one length go through the network with little padding
PAIRS = 2**24  # of units of each of these texts, which bounds the memory

Tick = Callable[[int], None]  # told of so many texts that are done


def weighed(questions: Sequence[Question], judge: Judge, row: Method, tick: Tick) -> list[Weights]:
    """Return the weights of each text."""
    weights: list[Weights] = []
    for run in in_order([len(question.ids) for question in questions], PAIRS, TOGETHER):
        weights += row.weigh(questions[run], judge)
        tick(len(questions[run]))
    return weights


def timed(
    classifier: Classifier, judge: Judge, texts: Sequence[str], row: Method, tick: Tick = lambda count: None
) -> tuple[list[Weights], float]:
    """Return the weights of each text, none of which is blank, and the milliseconds that one takes, prediction and all.

    What is built once is not counted.
    """
    outputs = row.named(classifier.backend.axes)
    row.weigh(questions_about(classifier, texts[:1], outputs), judge)
    start = time.perf_counter()
    weights = weighed(questions_about(classifier, texts, outputs), judge, row, tick)
    return weights, 1000 * (time.perf_counter() - start) / len(texts)
