"""The weights behind an explanation in two dimensions, one function for each kind of picture, one signature, one table.

A function takes a prediction with its named outputs, what of the text is shown, and which of several heads was chosen.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnclf.errors import ConfigError
from attnclf.explain.types.explanation import Map, Word
from attnclf.runtime.prediction import Prediction

SHORT = 30  # words of a text whose map is drawn unasked: as many as fit a terminal of 80 columns

Spans = Sequence[tuple[int, int]]


class Shown(NamedTuple):
    """The displayed part of a text: its words, the first and last token of each, all tokens read (id and text)."""

    words: Sequence[Word]
    spans: Spans
    tokens: Sequence[tuple[int, str]]


class Choice(NamedTuple):
    """A layer and a head of self-attention, both from 1; None is the last layer, and the mean of its heads."""

    layer: int | None = None
    head: int | Literal["mean"] | None = None


class Maps(NamedTuple):
    """Which outputs of the network a picture needs, and the function that makes maps of them.

    A text of at most `short` words gets its maps unasked.
    """

    outputs: tuple[str, ...]
    draw: Callable[[Prediction, Shown, Choice], tuple[Map, ...]]
    short: float = SHORT


def labels(prediction: Prediction, shown: Shown, choice: Choice) -> tuple[Map, ...]:
    """Return one map, emitted label × word: where the decoder looked for each label (Bahdanau et al. 2015, fig. 3)."""
    if not prediction.chosen:
        return ()
    return (
        Map(
            name="alignment",
            title="where the decoder looked for each label",
            rows=prediction.chosen,
            columns=tuple(word.text for word in shown.words),
            weights=_plain(_summed(prediction.named["alignment"][: len(prediction.chosen)], shown.spans)),
        ),
    )


def heads(prediction: Prediction, shown: Shown, choice: Choice) -> tuple[Map, ...]:
    """Return one map, word × word: the weight of each word (row) on each word (column) (Vaswani et al. 2017, sec. 3.2).

    The row of a word is the mean over its tokens, its column their sum, so that rows sum to 1.
    """
    words, spans, _ = shown
    if not spans:
        return ()
    layers = prediction.named["self_attention"]  # (layers, heads, time, time)
    layer = choice.layer or len(layers)
    head = "mean" if choice.head is None else choice.head
    weights = layers[layer - 1].mean(axis=0) if head == "mean" else layers[layer - 1, head - 1]
    given = _summed(weights, spans)
    sizes = np.array([last - first for first, last in spans], dtype=given.dtype)
    names = tuple(word.text for word in words)
    said = f"the mean of {layers.shape[1]} heads" if head == "mean" else f"head {head}"
    return (
        Map(
            name="self_attention",
            title=f"self-attention, layer {layer}, {said}: the rows look at the columns",
            rows=names,
            columns=names,
            weights=_plain(_summed(given.T, spans).T / sizes[:, np.newaxis]),
            layer=layer,
            head=head,
        ),
    )


def _summed(weights: NDArray[Any], spans: Spans) -> NDArray[Any]:
    """Add up the columns of each word's tokens, which lie side by side: (rows, tokens) → (rows, words)."""
    summed: NDArray[Any] = np.add.reduceat(weights, [first for first, _ in spans], axis=1)
    return summed


def _plain(weights: NDArray[Any]) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, weights.tolist()))


def features(prediction: Prediction, shown: Shown, choice: Choice) -> tuple[Map, ...]:
    """Return one map of one row: the features of the text that the gate opened, each once, the most open first."""
    if "gate" not in prediction.named:  # blank
        return ()
    gates = prediction.named["gate"].tolist()
    opened = {token: (name, gate) for (token, name), gate in zip(shown.tokens, gates, strict=True) if gate > 0}
    ranked = sorted(opened.values(), key=lambda pair: -pair[1])
    if not ranked:
        return ()
    names, weights = zip(*ranked, strict=True)
    return (
        Map(
            name="gate",
            title="how far the gate is open for each feature",
            rows=("gate",),
            columns=names,
            weights=(weights,),
        ),
    )


MAPS: dict[str, Maps] = {
    "heads": Maps(outputs=("self_attention",), draw=heads),
    "labels": Maps(outputs=("alignment",), draw=labels),
    "features": Maps(outputs=("gate",), draw=features, short=math.inf),  # a list, however long the text
}


def check_choice(choice: Choice, axes: Mapping[str, Sequence[str | int]], architecture: str) -> None:
    """Raise ConfigError for a layer or head that the network does not have; `axes` are those of its named outputs."""
    if choice == Choice():
        return
    if "self_attention" not in axes:
        raise ConfigError(
            f"a {architecture} model has no self-attention to choose a layer or head of",
            fix="leave --layer and --head out",
        )
    _, layers, heads, *_ = axes["self_attention"]
    _check_number("layer", choice.layer, range(1, int(layers) + 1))
    if choice.head != "mean":
        _check_number("head", choice.head, range(1, int(heads) + 1), "mean")


def _check_number(name: str, number: int | None, known: range, *others: str) -> None:
    if number is not None and number not in known:
        raise ConfigError(f"there is no {name} {number}", fix=f"use one of: {', '.join([*others, *map(str, known)])}")
