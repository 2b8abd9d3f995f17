"""The weights that the network itself used to form its context: what it looked at."""

from collections.abc import Sequence

from attnclf.explain.question import Judge, Question, Weights


def attention(questions: Sequence[Question], judge: Judge) -> list[Weights]:
    """Return the attention a_t of the predictions as it left the graph (Bahdanau et al. 2015; Raffel & Ellis 2016)."""
    return [Weights(question.prediction.attention) for question in questions]
