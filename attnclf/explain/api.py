"""Texts → explanations: predict, weight tokens by each method, sum those of each displayed word, and measure."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnclf.data.batches import in_order
from attnclf.errors import ConfigError
from attnclf.explain import choice
from attnclf.explain.maps import MAPS, Choice, Maps, Shown, check_choice
from attnclf.explain.methods import METHODS, method_for, outputs_of, signed, working
from attnclf.explain.methods.method import CONTRIBUTIONS, Method
from attnclf.explain.methods.ngrams import added
from attnclf.explain.metrics.faithfulness import SHORT, measured
from attnclf.explain.read_texts import ReadTexts
from attnclf.explain.target import FEW, ExplanationTarget
from attnclf.explain.types.explanation import Comparison, Explanation, Word
from attnclf.explain.types.weights import Weights
from attnclf.runtime.classifier import Classifier, listed
from attnclf.runtime.prediction import Prediction
from attnclf.text.tokenizer import Piece, words

PAIRS = 2**20  # of tokens of the texts whose maps are made together: bounds the memory for the weights of all heads
NONE = Weights(np.zeros(0))  # of a blank text


def explain(
    classifier: Classifier,
    texts: Iterable[str],
    *,
    method: str = choice.DEFAULT,
    against: str | None = None,
    faithfulness: bool | None = None,
    maps: bool | None = None,
    layer: int | None = None,
    head: int | Literal["mean"] | None = None,
) -> list[Explanation]:
    """Return an explanation for each text.

    - `method`: a name of `METHODS`, or "auto", the fast and faithful one on the model's validation rows.
    - `against`: a label that the best one is compared with; the second best label if it is itself the best. It needs a
      signed method.
    - `faithfulness`: True measures each explanation, False none, None those of at most `faithfulness.SHORT` words.
    - `maps`: True draws the maps of the network's weights for all texts, False for none. None draws those of at most
      `Maps.short` words, or all if a layer or head is chosen. A map has (words read)² weights.
    - `layer`, `head`: the self-attention to show, counted from 1; None is the last layer, and the mean of its heads.

    Raises ConfigError for an unknown method or label, and for a method, map, layer or head that the model lacks.
    """
    texts = listed(texts)
    bundle, axes = classifier.bundle, classifier.backend.axes
    (method,) = choice.resolved(classifier, [method], contrast=against is not None)
    chosen, pictures = Choice(layer, head), MAPS.get(bundle.pictures)
    check_choice(chosen, axes, bundle.architecture)
    if maps is None and chosen != Choice():
        maps = True
    if maps and not pictures:
        raise ConfigError(f"a {bundle.architecture} model has no map", fix="leave --map out")
    drawing = None
    if pictures and maps is not False:
        drawing = Drawing(pictures, chosen, [Located.of(classifier, text) for text in texts], always=maps is True)
    by_text = _explained(classifier, texts, [method], against, faithfulness, drawing)
    return [explanation for (explanation,) in by_text]


def compare(
    classifier: Classifier,
    texts: Iterable[str],
    methods: Sequence[str] = (),
    *,
    against: str | None = None,
    faithfulness: bool | None = None,
) -> list[Comparison]:
    """Return for each text its explanations by several methods; by default all that were scored in training.

    With `against`, the default are the signed ones of them. Raises ConfigError as `explain` does.
    """
    texts = listed(texts)
    names = list(methods) or [
        name
        for name in working(classifier.bundle, classifier.backend.axes)
        if METHODS[name].scored and METHODS[name].signed >= (against is not None)
    ]
    if not names:
        raise ConfigError(
            "no method of this model gives words a sign for or against a label", fix="leave --against out"
        )
    by_text = _explained(classifier, texts, list(dict.fromkeys(names)), against, faithfulness)
    return [Comparison(side_by_side) for side_by_side in by_text]


def check_label(classifier: Classifier, name: str) -> None:
    """Raise ConfigError for a label that the model does not have."""
    if name not in classifier.labels:
        raise ConfigError(f"the model has no label {name!r}", fix=f"use one of: {', '.join(classifier.labels)}")


def _check_contrast(classifier: Classifier, row: Method, method: str, against: str) -> None:
    check_label(classifier, against)
    if not row.signed:
        usable = signed(classifier.bundle, classifier.backend.axes)
        raise ConfigError(
            f"{method} is the same for every label, so it cannot compare two",
            fix=f"use one of: {', '.join(usable)}" if usable else "leave --against out",
        )


class Located(NamedTuple):
    """The tokens that the network reads of a text, and the first token and the last one + 1 of each displayed word."""

    tokens: Sequence[Piece]
    spans: Sequence[tuple[int, int]]
    truncated_at: int | None

    @classmethod
    def of(cls, classifier: Classifier, text: str) -> "Located":
        """Find the tokens of a text in it."""
        pieces = classifier.tokenizer.pieces(text)
        read = pieces[: classifier.tokenizer.max_length]
        return cls(read, words(text, read), read[-1].end if len(pieces) > len(read) else None)

    @property
    def owners(self) -> NDArray[np.int64]:
        """The word of each token, (tokens,)."""
        return np.repeat(np.arange(len(self.spans)), [last - first for first, last in self.spans])


class Drawing(NamedTuple):
    """The maps to draw of texts: of all, or of short ones."""

    pictures: Maps
    choice: Choice
    located: Sequence[Located]
    always: bool

    @property
    def sizes(self) -> list[int]:
        """The number of tokens on the map of each text, 0 for a text without."""
        short = self.pictures.short
        return [len(text.tokens) if self.always or len(text.spans) <= short else 0 for text in self.located]


def _explained(
    classifier: Classifier,
    texts: list[str],
    methods: Sequence[str],
    against: str | None,
    faithfulness: bool | None,
    drawing: Drawing | None = None,
) -> list[list[Explanation]]:
    """Return for each text its explanation by each method; every text is encoded and predicted once."""
    bundle, axes = classifier.bundle, classifier.backend.axes
    rows = [method_for(name, bundle, axes) for name in methods]
    if against is not None:
        for name, row in zip(methods, rows, strict=True):
            _check_contrast(classifier, row, name, against)
    if faithfulness and bundle.columns:
        raise ConfigError("numbers cannot be taken out of a row of columns", fix="leave --faithfulness out")
    longest = -1.0 if faithfulness is False or bundle.columns else np.inf if faithfulness else SHORT
    sizes = drawing.sizes if drawing else [0] * len(texts)
    copies = longest > 0 or any(row.removal for row in rows)
    explained: dict[int, list[Explanation]] = {}
    for indices in _together(sizes, FEW if copies else max(len(texts), 1)):
        drawn = drawing if sizes[indices[0]] else None
        some = [texts[index] for index in indices]
        named = {*outputs_of(methods, axes), *(drawn.pictures.outputs if drawn else ())}
        read = ReadTexts.of(classifier, some, sorted(named), against)
        located = [drawing.located[i] if drawing else Located.of(classifier, texts[i]) for i in indices]
        for index in indices:
            explained[index] = []
        for name, row in zip(methods, rows, strict=True):
            weights = iter(row.weigh(read.filled, read.scorer))
            own = [next(weights) if target else NONE for target in read.targets]
            made = [
                _explanation(classifier, *of_text, name)
                for of_text in zip(some, located, read.predictions, read.targets, own, strict=True)
            ]
            for index, explanation in zip(indices, _measured(read, located, made, longest), strict=True):
                explained[index].append(explanation)
        if drawn:
            for index, prediction, found in zip(indices, read.predictions, located, strict=True):
                (only,) = explained[index]
                tokens = [(token.id, texts[index][token.start : token.end]) for token in found.tokens]
                drawn_maps = drawn.pictures.draw(prediction, Shown(only.words, found.spans, tokens), drawn.choice)
                explained[index] = [dataclasses.replace(only, maps=drawn_maps)]
    return [explained[index] for index in range(len(texts))]


def _together(sizes: Sequence[int], most: int) -> Iterator[list[int]]:
    """Yield the rows to explain together: those without maps, then those with maps, as many as memory allows.

    At most `most` at a time.
    """
    plain = [row for row, size in enumerate(sizes) if not size]
    yield from (plain[first : first + most] for first in range(0, len(plain), most))
    drawn = [row for row, size in enumerate(sizes) if size]
    yield from (drawn[run] for run in in_order([sizes[row] for row in drawn], PAIRS, most))


def _explanation(
    classifier: Classifier,
    text: str,
    located: Located,
    prediction: Prediction,
    target: ExplanationTarget | None,
    weights: Weights,
    method: str,
) -> Explanation:
    contributions = _contributions(target)
    shown = tuple(
        Word(
            text=text[located.tokens[first].start : located.tokens[last - 1].end],
            start=located.tokens[first].start,
            end=located.tokens[last - 1].end,
            weight=float(weights.values[first:last].sum()),
            contribution=None if contributions is None else float(contributions[first:last].sum()),
            # As if the errors of a word's tokens were independent.
            error=None if weights.error is None else float(np.sqrt((weights.error[first:last] ** 2).sum())),
        )
        for first, last in located.spans
    )
    return Explanation(
        text=text,
        label=prediction.label,
        score=prediction.score,
        labels=tuple(classifier.ranked(prediction)) if prediction.label is not None else (),
        chosen=prediction.chosen,
        method=method,
        words=shown,
        truncated_at=located.truncated_at,
        signed=METHODS[method].signed,
        against=None if target is None or target.against is None else classifier.labels[target.against],
        gap=weights.gap,
    )


def _measured(
    read: ReadTexts, located: Sequence[Located], made: list[Explanation], longest: float
) -> list[Explanation]:
    """Return explanations with their faithfulness, measured of texts of 1 to `longest` words."""
    chosen = [index for index, explanation in enumerate(made) if 0 < len(explanation.words) <= longest]
    figures = measured(
        read.scorer,
        [target for index in chosen if (target := read.targets[index])],
        [located[index].owners for index in chosen],
        [np.array([word.weight for word in made[index].words]) for index in chosen],
    )
    found = dict(zip(chosen, figures, strict=True))
    return [dataclasses.replace(one, faithfulness=found.get(index)) for index, one in enumerate(made)]


def _contributions(target: ExplanationTarget | None) -> NDArray[np.floating] | None:
    """Return what each token adds to the logit of the label through the n-grams, None for a model without."""
    if target is None or CONTRIBUTIONS not in target.prediction.named:
        return None
    return added(target)
