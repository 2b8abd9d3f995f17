"""How fast the answer rises along each unit's input, times that input: a first guess at what it adds."""

from collections.abc import Sequence

import numpy as np

from attnclf.explain.question import Judge, Question, Weights


def gradient_x_input(questions: Sequence[Question], judge: Judge) -> list[Weights]:
    """Return x_t · ∂value/∂x_t (Denil et al. 2014, section 5; Shrikumar et al. 2016), x_t as `gradients` defines it."""
    slopes = judge.slopes()
    return [Weights(slopes.along(question, np.ones(1))[1][0]) for question in questions]
