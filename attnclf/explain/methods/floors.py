"""Two methods that know nothing of the text: what any other must beat."""

from collections.abc import Sequence

import numpy as np

from attnclf.explain.question import Judge, Question, Weights


def random(questions: Sequence[Question], judge: Judge) -> list[Weights]:
    """Return shares drawn at random, the same for the same text."""
    drawn = [np.random.default_rng(question.seed).random(len(question.ids)) for question in questions]
    return [Weights(shares / shares.sum()) for shares in drawn]


def uniform(questions: Sequence[Question], judge: Judge) -> list[Weights]:
    """Return the same share for every unit; ranked, that is the order of the text."""
    return [Weights(np.full(len(question.ids), 1 / len(question.ids))) for question in questions]
