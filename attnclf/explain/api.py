"""Texts → explanations: predict, weigh the units by a method, sum the units of each displayed word, and measure."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attnclf.data.batches import in_order
from attnclf.errors import ConfigError
from attnclf.explain import choice
from attnclf.explain.maps import MAPS, Choice, Maps, Shown, check_choice
from attnclf.explain.methods import CONTRIBUTIONS, METHODS, Method, method_for, speaking, working
from attnclf.explain.methods.ngrams import added
from attnclf.explain.metrics.faithfulness import SHORT, Faithfulness, measured
from attnclf.explain.perturbation import PerturbationScorer
from attnclf.explain.target import FEW, ExplanationTarget, targets_for
from attnclf.explain.types.explanation import Comparison, Explanation, Word
from attnclf.explain.types.weights import Weights
from attnclf.runtime.classifier import Classifier, Prediction, listed
from attnclf.text.tokenizer import words

PAIRS = 2**20  # of units of the texts whose maps are made together: bounds the memory for the weights of all heads
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

    `method` is a name of `METHODS`, or "auto": the one that was fast and faithful on the model's validation rows.
    `against` asks why the best label rather than this one; where it is itself the best, why not the next best. It needs
    a signed method. `faithfulness` tells whether each explanation is measured: True for all, False for none, None for
    texts of at most `faithfulness.SHORT` words.

    `maps` tells whether the maps of the network's weights are made too, where it has some: True for all texts, False
    for none, None for texts of at most `Maps.short` words, or for all when a layer or head is chosen. A map has
    (words read)² weights. `layer` and `head`, numbers from 1, choose the self-attention to show; None is the last
    layer, and the mean of its heads.

    Raises ConfigError for an unknown method or label, for a method that makes no sense for the model, for maps of a
    network that has none, and for a layer or head that is not there.
    """
    texts = listed(texts)
    bundle, axes = classifier.bundle, classifier.backend.axes
    (method,) = choice.resolved(classifier, [method], contrast=against is not None)
    row = method_for(method, bundle, axes)
    if against is not None:
        _check_contrast(classifier, row, method, against)
    if faithfulness and bundle.columns:
        raise ConfigError("numbers cannot be taken out of a row of columns", fix="leave --faithfulness out")
    chosen, pictures = Choice(layer, head), MAPS.get(bundle.pictures)
    check_choice(chosen, axes, bundle.architecture)
    if maps is None and chosen != Choice():
        maps = True
    if maps and not pictures:
        raise ConfigError(f"a {bundle.architecture} model has no map beside the highlight", fix="leave --map out")
    longest = -1.0 if faithfulness is False or bundle.columns else np.inf if faithfulness else SHORT
    sizes = [_mapped(classifier, text, pictures, maps) for text in texts] if pictures else [0] * len(texts)
    always = row.named(axes)
    explained: dict[int, Explanation] = {}
    for places in _together(sizes, FEW if row.removal or longest > 0 else max(len(texts), 1)):
        drawn = pictures if sizes[places[0]] else None
        some = [texts[place] for place in places]
        predictions = classifier.predict(some, named=[*always, *(drawn.outputs if drawn else ())])
        encoded = classifier.encoded(some)
        scorer = PerturbationScorer.of(classifier, encoded)
        targets = targets_for(classifier, encoded, predictions, against)
        weights = iter(row.weigh([target for target in targets if target], scorer))
        made = [
            _explanation(classifier, text, prediction, target, next(weights) if target else NONE, method)
            for text, prediction, target in zip(some, predictions, targets, strict=True)
        ]
        worth = _measured(scorer, targets, made, longest)
        for place, prediction, (explanation, part), figures in zip(places, predictions, made, worth, strict=True):
            explained[place] = dataclasses.replace(
                explanation, faithfulness=figures, maps=drawn.draw(prediction, part, chosen) if drawn else ()
            )
    return [explained[place] for place in range(len(texts))]


def compare(
    classifier: Classifier,
    texts: Iterable[str],
    methods: Sequence[str] = (),
    *,
    against: str | None = None,
    faithfulness: bool | None = None,
) -> list[Comparison]:
    """Return for each text its explanations by several methods; by default all that were scored in training.

    With `against`, by those of them that are signed. Raises ConfigError as `explain` does.
    """
    texts = listed(texts)
    names = list(methods) or [
        name
        for name in working(classifier.bundle, classifier.backend.axes)
        if METHODS[name].scored and METHODS[name].signed >= (against is not None)
    ]
    if not names:
        raise ConfigError("no method of this model says for which label a word speaks", fix="leave --against out")
    by_method = [
        explain(classifier, texts, method=name, against=against, faithfulness=faithfulness, maps=False)
        for name in dict.fromkeys(names)
    ]
    return [Comparison(side_by_side) for side_by_side in zip(*by_method, strict=True)]


def check_label(classifier: Classifier, name: str) -> None:
    """Raise ConfigError for a label that the model does not have."""
    if name not in classifier.labels:
        raise ConfigError(f"the model has no label {name!r}", fix=f"use one of: {', '.join(classifier.labels)}")


def _check_contrast(classifier: Classifier, row: Method, method: str, against: str) -> None:
    check_label(classifier, against)
    if not row.signed:
        usable = speaking(classifier.bundle, classifier.backend.axes)
        raise ConfigError(
            f"{method} is the same for every label, so it says nothing about one against another",
            fix=f"use one of: {', '.join(usable)}" if usable else "leave --against out",
        )


def _mapped(classifier: Classifier, text: str, pictures: Maps, maps: bool | None) -> int:
    """Return the number of units of a text whose maps are made, 0 for one without."""
    if maps is False:
        return 0
    read = classifier.tokenizer.pieces(text)[: classifier.tokenizer.max_length]
    return len(read) if maps or len(words(text, read)) <= pictures.short else 0


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
    prediction: Prediction,
    target: ExplanationTarget | None,
    weights: Weights,
    method: str,
) -> tuple[Explanation, Shown]:
    pieces = classifier.tokenizer.pieces(text)
    read = pieces[: len(weights.values)]
    gained = _contributions(target)
    spans = words(text, read)
    shown = tuple(
        Word(
            text=text[read[first].start : read[last - 1].end],
            start=read[first].start,
            end=read[last - 1].end,
            weight=float(weights.values[first:last].sum()),
            contribution=None if gained is None else float(gained[first:last].sum()),
            # As if the errors of a word's units were independent.
            error=None if weights.error is None else float(np.sqrt((weights.error[first:last] ** 2).sum())),
        )
        for first, last in spans
    )
    against = None if target is None or target.against is None else classifier.labels[target.against]
    explanation = Explanation(
        text=text,
        label=prediction.label,
        score=prediction.score,
        labels=tuple(classifier.ranked(prediction)) if prediction.label is not None else (),
        chosen=prediction.chosen,
        method=method,
        words=shown,
        truncated_at=read[-1].end if len(pieces) > len(read) else None,
        signed=METHODS[method].signed,
        against=against,
        gap=weights.gap,
    )
    return explanation, Shown(shown, spans, [(piece.id, text[piece.start : piece.end]) for piece in read])


def _measured(
    scorer: PerturbationScorer,
    targets: Sequence[ExplanationTarget | None],
    made: Sequence[tuple[Explanation, Shown]],
    longest: float,
) -> list[Faithfulness | None]:
    """Measure the explanations of texts of 1 to `longest` words."""
    places = [place for place, (explanation, _) in enumerate(made) if 0 < len(explanation.words) <= longest]
    found = measured(
        scorer,
        [target for place in places if (target := targets[place])],
        [_owners(made[place][1]) for place in places],
        [np.array([word.weight for word in made[place][0].words]) for place in places],
    )
    worth: list[Faithfulness | None] = [None] * len(made)
    for place, figures in zip(places, found, strict=True):
        worth[place] = figures
    return worth


def _owners(shown: Shown) -> NDArray[np.int64]:
    """Return for each unit the word that it belongs to."""
    return np.repeat(np.arange(len(shown.spans)), [last - first for first, last in shown.spans])


def _contributions(target: ExplanationTarget | None) -> NDArray[np.floating] | None:
    """Return what each unit adds to the logit of the label by way of the n-grams, where the model has some."""
    if target is None or CONTRIBUTIONS not in target.prediction.named:
        return None
    return added(target)
