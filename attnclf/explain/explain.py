"""Texts → explanations: predict, weigh the units by a method, and sum the units of each displayed word."""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attnclf.errors import ConfigError
from attnclf.explain.explanation import Explanation, Word
from attnclf.explain.maps import MAPS, Choice, Maps, check_choice
from attnclf.explain.methods import METHODS
from attnclf.runtime.classifier import Classifier, Prediction
from attnclf.text.tokenizer import words

CONTRIBUTIONS = "contributions"  # the output of a `Mixture` that says what its n-grams add
PAIRS = (
    2**20
)  # pairs of units of the texts whose maps are made together: bounds the memory for the weights of all heads


def explain(
    classifier: Classifier,
    texts: Sequence[str],
    *,
    method: str = "attention",
    maps: bool | None = None,
    layer: int | None = None,
    head: int | Literal["mean"] | None = None,
) -> list[Explanation]:
    """Return an explanation for each text.

    `maps` tells whether the maps of the network's weights are made too, where it has some: True for all texts, False
    for none, None for texts of at most `Maps.short` words, or for all when a layer or head is chosen. A map has
    (words read)² weights. `layer` and `head`, numbers from 1, choose the self-attention to show; None is the last
    layer, and the mean of its heads.

    Raises ConfigError for an unknown method, for maps of a network that has none, and for a layer or head that is not
    there.
    """
    if method not in METHODS:
        raise ConfigError(f"unknown method {method!r}", fix=f"use one of: {', '.join(METHODS)}")
    bundle, axes = classifier.bundle, classifier.session.axes
    choice, pictures = Choice(layer, head), MAPS.get(bundle.pictures)
    check_choice(choice, axes, bundle.architecture)
    if maps is None and choice != Choice():
        maps = True
    if maps and not pictures:
        raise ConfigError(f"a {bundle.architecture} model has no map beside the highlight", fix="leave --map out")
    sizes = [_mapped(classifier, text, pictures, maps) for text in texts] if pictures else [0] * len(texts)
    always = sorted({CONTRIBUTIONS} & axes.keys())
    explained: dict[int, Explanation] = {}
    for rows in _together(sizes):
        drawn = pictures if sizes[rows[0]] else None
        some = [texts[row] for row in rows]
        predictions = classifier.predict(some, named=[*always, *(drawn.outputs if drawn else ())])
        weights = METHODS[method](classifier, some, predictions)
        for row, prediction, weight in zip(rows, predictions, weights, strict=True):
            explained[row] = _explanation(classifier, texts[row], prediction, weight, method, drawn, choice)
    return [explained[row] for row in range(len(texts))]


def _mapped(classifier: Classifier, text: str, pictures: Maps, maps: bool | None) -> int:
    """Return the number of units of a text whose maps are made, 0 for one without."""
    if maps is False:
        return 0
    read = classifier.tokenizer.pieces(text)[: classifier.tokenizer.max_length]
    return len(read) if maps or len(words(text, read)) <= pictures.short else 0


def _together(sizes: Sequence[int]) -> Iterator[list[int]]:
    """Yield the rows to predict together: all without maps, then those with maps, as many as memory allows."""
    plain = [row for row, size in enumerate(sizes) if not size]
    if plain:
        yield plain
    rows: list[int] = []
    pairs = 0
    for row in (row for row, size in enumerate(sizes) if size):
        if rows and pairs + sizes[row] ** 2 > PAIRS:
            yield rows
            rows, pairs = [], 0
        rows.append(row)
        pairs += sizes[row] ** 2
    if rows:
        yield rows


def _explanation(
    classifier: Classifier,
    text: str,
    prediction: Prediction,
    weights: NDArray[np.float32],
    method: str,
    pictures: Maps | None,
    choice: Choice,
) -> Explanation:
    pieces = classifier.tokenizer.pieces(text)
    read = pieces[: len(weights)]
    added = _contributions(classifier, prediction)
    spans = words(text, read)
    shown = tuple(
        Word(
            text=text[read[first].start : read[last - 1].end],
            start=read[first].start,
            end=read[last - 1].end,
            weight=float(weights[first:last].sum()),
            contribution=None if added is None else float(added[first:last].sum()),
        )
        for first, last in spans
    )
    units = [(piece.id, text[piece.start : piece.end]) for piece in read]
    return Explanation(
        text=text,
        label=prediction.label,
        score=prediction.score,
        labels=tuple(classifier.ranked(prediction)) if prediction.label is not None else (),
        chosen=prediction.chosen,
        method=method,
        words=shown,
        truncated_at=read[-1].end if len(pieces) > len(read) else None,
        maps=pictures.draw(prediction, shown, spans, choice, units) if pictures else (),
    )


def _contributions(classifier: Classifier, prediction: Prediction) -> NDArray[np.float32] | None:
    """Return what each unit adds to the logit of the best label by way of the n-grams, where the model has some."""
    if prediction.label is None or CONTRIBUTIONS not in prediction.named:
        return None
    added: NDArray[np.float32] = prediction.named[CONTRIBUTIONS][:, classifier.labels.index(prediction.label)]
    return added
