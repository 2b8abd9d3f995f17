"""How much the answer falls when a unit is deleted, each by itself."""

from collections.abc import Sequence

import numpy as np

from attnclf.explain.question import Judge, Question, Weights
from attnclf.explain.removal import delete


def leave_one_out(questions: Sequence[Question], judge: Judge) -> list[Weights]:
    """Return value(text) - value(text without t) for each unit t (Li et al. 2016, "Understanding …", eq. 1).

    One run of the network for each unit, all texts' runs in common batches.
    """
    rows, sizes = [], []
    for question in questions:
        keep = ~np.eye(len(question.ids), dtype=bool)
        rows += [question.ids, *(delete(question.ids, kept) for kept in keep)]
        sizes.append(1 + len(question.ids))
    said = np.split(judge.logits(rows), np.cumsum(sizes, dtype=int))[:-1]
    weights = []
    for question, logits in zip(questions, said, strict=True):
        values = question.value(logits)
        weights.append(Weights(values[0] - values[1:]))
    return weights
