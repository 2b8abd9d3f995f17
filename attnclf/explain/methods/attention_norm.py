"""How long each state is when it goes into the context: attention that knows what it multiplies."""

from collections.abc import Sequence

import numpy as np

from attnclf.explain.question import Judge, Question, Weights


def attention_norm(questions: Sequence[Question], judge: Judge) -> list[Weights]:
    """Return a_t ‖h_t‖ over their sum (Kobayashi et al. 2020, section 2.3, with the state as the value vector)."""
    return [_shares(question.prediction.attention * question.prediction.named["value_norms"]) for question in questions]


def _shares(lengths: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> Weights:
    return Weights(lengths / max(float(lengths.sum()), np.finfo(np.float32).tiny))
