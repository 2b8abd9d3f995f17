"""Which method to trust on one model: training scores all cheap ones, and the model folder keeps the scores."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnclf.bundle import Bundle
from attnclf.errors import ConfigError
from attnclf.explain.methods import METHODS, outputs_of, signed, working
from attnclf.explain.metrics.faithfulness import Probe, curves, ranking
from attnclf.explain.perturbation import REMOVALS
from attnclf.explain.timing import timed, timed_read
from attnclf.runtime.classifier import Classifier

DEFAULT = "attention"
TOKENS, TOTAL = 50, 1600  # how much of each text is scored, and of all of them: a second of training or two
CELLS = 2_000_000  # tokens × labels that are scored, where labels are many
LOOKED_AT = 2000  # validation rows of which they are taken, evenly
GOOD_ENOUGH = 0.995  # share of the best score with which a faster method is taken
CLEARLY = 0.05  # how much more, in probability, another method must score to be worth a word


class Score(NamedTuple):
    """What a method scored on a model's validation rows.

    `score` is the mean of comprehensiveness less sufficiency, over texts and removals. `ahead` is its difference from
    the score of attention, `error` the standard error of that difference over texts. `milliseconds` is the time for a
    text, its prediction included.
    """

    score: float
    comprehensiveness: float
    sufficiency: float
    ahead: float
    error: float
    milliseconds: float


def scores(classifier: Classifier, texts: Sequence[str], check: Callable[[], None] = lambda: None) -> dict[str, Score]:
    """Score the cheap methods, and random as a baseline, on those of the texts that are `drawn`.

    Empty if the model reads numeric columns, or every text is blank. `check` is called before each method, and may
    raise to end the work.
    """
    if classifier.bundle.columns:
        return {}
    sample = drawn(classifier, texts)
    if not sample:
        return {}
    names = [name for name in working(classifier.bundle, classifier.backend.axes) if METHODS[name].scored]
    names.append("random")
    read, predicting = timed_read(classifier, sample, outputs_of(names, classifier.backend.axes))
    targets, scorer = read.filled, read.scorer
    found, taken = {}, {}
    for name in names:
        check()
        weights, weighing = timed(read, METHODS[name])
        taken[name] = predicting + weighing
        probes = [
            Probe(target, np.arange(len(target.ids)), ranking(weight.values)[np.newaxis])
            for target, weight in zip(targets, weights, strict=True)
        ]
        areas = [curves(scorer, probes, removal) for removal in REMOVALS]
        found[name] = np.array([[(one.comprehensiveness[0], one.sufficiency[0]) for one in kind] for kind in areas])
    return {name: _scored(found[name], found[DEFAULT], taken[name]) for name in found}


def drawn(classifier: Classifier, texts: Sequence[str]) -> list[str]:
    """Return the first `TOKENS` tokens of texts that are not blank, about `TOTAL` tokens in all.

    With many labels there are fewer: the contribution of each token to each label takes memory.
    """
    encoded = classifier.encoded(texts)
    said = np.flatnonzero(~np.array(encoded.empty, dtype=bool))
    if not len(said):
        return []
    total = min(TOTAL, CELLS // len(classifier.labels))
    rows = math.ceil(total / np.minimum(encoded.tokens.lengths[said], TOKENS).mean())
    apart = np.linspace(0, len(said) - 1, min(rows, len(said))).astype(int)  # files are often sorted by label
    return [classifier.beginning(texts[place], TOKENS) for place in said[apart]]


def _scored(figures: NDArray[np.float64], attention: NDArray[np.float64], milliseconds: float) -> Score:
    """Summarise figures (removals, texts, 2)."""
    each = (figures[..., 0] - figures[..., 1]).mean(axis=0)
    ahead = each - (attention[..., 0] - attention[..., 1]).mean(axis=0)
    comprehensiveness, sufficiency = figures.mean(axis=(0, 1)).tolist()
    return Score(
        score=round(float(each.mean()), 4),
        comprehensiveness=round(comprehensiveness, 4),
        sufficiency=round(sufficiency, 4),
        ahead=round(float(ahead.mean()), 4),
        error=round(float(ahead.std(ddof=1) / np.sqrt(len(ahead))), 4) if len(ahead) > 1 else 0.0,
        milliseconds=round(milliseconds, 3),
    )


def kept(found: Mapping[str, Score]) -> dict[str, dict[str, float]]:
    """Return scores as a model folder keeps them."""
    return {name: score._asdict() for name, score in found.items()}


def of_bundle(bundle: Bundle) -> dict[str, Score]:
    """Return the scores that a model folder keeps; none where it was trained without."""
    return {name: Score(**score) for name, score in bundle.manifest.get("explanations", {}).items() if name in METHODS}


def best(bundle: Bundle, *, signed: bool = False) -> str:
    """Return what `auto` takes: the fastest method that scores at least `GOOD_ENOUGH` of the best one's score.

    Two kinds of methods are left out:

    - those whose sufficiency is worse than the best by more than `CLEARLY`: they find words that break the
      answer, perhaps half of the text, instead of those that carry it;
    - those that run the network for each token, which takes seconds for a long text, if another signed method works and
      scores at most `CLEARLY` less.

    With `signed`, only signed methods are considered. Raises ConfigError for a model folder without scores.
    """
    found = {
        name: score
        for name, score in of_bundle(bundle).items()
        if METHODS[name].scored and METHODS[name].signed >= signed
    }
    if not found and bundle.columns:
        raise ConfigError("auto goes by words taken out, and this model reads numeric columns", fix="name a method")
    if not found:
        raise ConfigError("this model folder has no scores of methods", fix="name a method, or train the model again")
    carried = min(score.sufficiency for score in found.values()) + CLEARLY
    found = {name: score for name, score in found.items() if score.sufficiency <= carried}
    steady = {name: score for name, score in found.items() if not METHODS[name].each}
    top = _top(found)
    if any(METHODS[name].signed for name in steady) and top - _top(steady) < CLEARLY:
        found, top = steady, _top(steady)
    enough = GOOD_ENOUGH * top if top > 0 else top
    return min((name for name in found if found[name].score >= enough), key=lambda name: found[name].milliseconds)


def resolved(classifier: Classifier, named: Sequence[str], *, contrast: bool) -> list[str]:
    """Return the methods to use: those named, with the choice of `auto` in its place; without a name attention.

    A `contrast` needs a signed method: the default is then what `auto` takes among signed ones, or the first of them if
    the folder has no scores. Raises ConfigError if none is signed, and as `best` does.
    """
    bundle = classifier.bundle
    if named or not contrast:
        return [best(bundle, signed=contrast) if name == "auto" else name for name in named or [DEFAULT]]
    if of_bundle(bundle):
        return [best(bundle, signed=True)]
    usable = signed(bundle, classifier.backend.axes)
    if not usable:
        part = "a column" if bundle.columns else "a word"
        raise ConfigError(
            f"no method of this model gives {part} a sign for or against a label",
            fix="leave --global and --against out",
        )
    return usable[:1]


def _top(found: Mapping[str, Score]) -> float:
    return max((score.score for score in found.values()), default=0.0)


def better(bundle: Bundle) -> str | None:
    """Return the choice of `auto` if it is clearly more faithful than attention: by `CLEARLY`, and by two errors."""
    found = of_bundle(bundle)
    if DEFAULT not in found:
        return None
    name = best(bundle)
    return name if found[name].ahead >= max(CLEARLY, 2 * found[name].error) else None
