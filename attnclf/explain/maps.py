"""The weights behind an explanation in two dimensions, one function for each kind of picture, one signature, one table.

A function takes a prediction with its named outputs, the displayed words, the first and last unit of each, and all
units that the network read: the id and the text of each.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from attnclf.explain.explanation import Map, Word
from attnclf.runtime.classifier import Prediction

Spans = Sequence[tuple[int, int]]
Units = Sequence[tuple[int, str]]


class Maps(NamedTuple):
    """Which outputs of the network a picture needs, and the function that makes maps of them."""

    outputs: tuple[str, ...]
    draw: Callable[[Prediction, Sequence[Word], Spans, Units], tuple[Map, ...]]


def labels(prediction: Prediction, words: Sequence[Word], spans: Spans, units: Units) -> tuple[Map, ...]:
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


def features(prediction: Prediction, words: Sequence[Word], spans: Spans, units: Units) -> tuple[Map, ...]:
    """Return one map of one row: the features of the text that the gate opened, each once, the most open first."""
    if "gate" not in prediction.named:  # blank
        return ()
    gates = prediction.named["gate"].tolist()
    opened = {unit: (name, gate) for (unit, name), gate in zip(units, gates, strict=True) if gate > 0}
    ranked = sorted(opened.values(), key=lambda pair: -pair[1])
    if not ranked:
        return ()
    names, weights = zip(*ranked, strict=True)
    return (Map(name="gate", rows=("gate",), columns=names, weights=(weights,)),)


MAPS: dict[str, Maps] = {
    "labels": Maps(outputs=("alignment",), draw=labels),
    "features": Maps(outputs=("gate",), draw=features),
}
