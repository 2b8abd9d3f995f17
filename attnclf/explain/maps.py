"""The weights behind an explanation in two dimensions, one function for each kind of picture, one signature, one table.

A function takes a prediction with its named outputs, the displayed words, and the first and last unit of each.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from attnclf.explain.explanation import Map, Word
from attnclf.runtime.classifier import Prediction

Spans = Sequence[tuple[int, int]]


class Maps(NamedTuple):
    """Which outputs of the network a picture needs, and the function that makes maps of them."""

    outputs: tuple[str, ...]
    draw: Callable[[Prediction, Sequence[Word], Spans], tuple[Map, ...]]


def labels(prediction: Prediction, words: Sequence[Word], spans: Spans) -> tuple[Map, ...]:
    """Return one map, emitted label × word: where the decoder looked for each label (Bahdanau et al. 2015, fig. 3)."""
    if not prediction.chosen:
        return ()
    rows = prediction.named["alignment"][: len(prediction.chosen)]
    return (
        Map(
            name="alignment",
            rows=prediction.chosen,
            columns=tuple(word.text for word in words),
            weights=tuple(tuple(float(row[first:last].sum()) for first, last in spans) for row in rows),
        ),
    )


MAPS: dict[str, Maps] = {
    "labels": Maps(outputs=("alignment",), draw=labels),
}
