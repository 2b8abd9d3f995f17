"""How much the answer falls when a span of neighbours is masked, averaged over the spans that a unit lies in."""

from collections.abc import Sequence

import numpy as np

from attnclf.explain.question import Judge, Question, Weights
from attnclf.explain.removal import mask

SPAN = 3  # units


def occlusion(questions: Sequence[Question], judge: Judge) -> list[Weights]:
    """Return for each unit the mean, over the spans of `SPAN` units that cover it, of the fall for each unit covered.

    Zeiler & Fergus 2014 (section 3) slide a grey square over an image; the unknown word is our grey. A text shorter
    than a span is one span.
    """
    rows, covers = [], []
    for question in questions:
        units = len(question.ids)
        span = min(SPAN, units)
        places, first = np.arange(units), np.arange(units - span + 1)[:, np.newaxis]
        covered = (places >= first) & (places < first + span)  # (spans, units)
        rows += [question.ids, *(mask(question.ids, ~hidden) for hidden in covered)]
        covers.append(covered)
    said = np.split(judge.logits(rows), np.cumsum([1 + len(covered) for covered in covers], dtype=int))[:-1]
    weights = []
    for question, covered, logits in zip(questions, covers, said, strict=True):
        values = question.value(logits)
        fall = (values[0] - values[1:]) / covered.sum(axis=1)
        weights.append(Weights(fall @ covered / covered.sum(axis=0)))
    return weights
