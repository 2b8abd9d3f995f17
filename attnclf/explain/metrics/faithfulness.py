"""How faithful an explanation is: how the answer changes when its top words are removed, or only they stay.

The definitions are those of ERASER (DeYoung et al. 2020, section 4). Here m(x)_j is the probability of the label j of
the whole text x. The words r_q are those of the highest weight, a share q of the text:

    comprehensiveness = mean over q of m(x)_j - m(x without r_q)_j      higher is better
    sufficiency       = mean over q of m(x)_j - m(r_q alone)_j          lower is better; below 0 if r_q is surer

Both are areas over the perturbation curve (AOPC) with q of `BINS`, rounded up to whole words. Only the
order of the weights counts; the top words of a signed method are those for the label. Words are removed in both ways of
`perturbation`: a network reads a gap differently from a shorter text.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnclf.explain.perturbation import REMOVALS, PerturbationScorer, Removal
from attnclf.explain.target import ExplanationTarget, Ids

BINS = (0.01, 0.05, 0.1, 0.2, 0.5)
CHANCES = 20  # random rankings of the same text
SHORT = 30  # words of a text that is measured unasked

Verdict = Literal["faithful", "weak", "no better than chance", "too short to tell"]

FEWEST = 5  # words of a text; of fewer, one ranking in ten or more is the best one by chance
SURE, LIKELY = 2.0, 1.0  # deviations of the random rankings that a faithful explanation is above their mean; a weak one
CLEAR, SOME = 0.05, 0.01  # gain over the mean of the random rankings, in probability, likewise

Rankings = NDArray[np.integer]


class Probe(NamedTuple):
    """The words to remove from a text: the first of each ranking.

    `owner` (tokens,) is the word of each token, from 0; `rankings` (rankings, words) have words, the highest first.
    """

    target: ExplanationTarget
    owner: NDArray[np.integer]
    rankings: Rankings


class Curves(NamedTuple):
    """The probability of the label for edited copies of a text.

    `full` is that of the whole text; for each ranking and bin, (rankings, bins), there is the one `without` the first
    words, and the one with these `only`.
    """

    full: float
    without: NDArray[np.float64]
    only: NDArray[np.float64]

    @property
    def comprehensiveness(self) -> NDArray[np.float64]:
        """The area over the curve of deletion, (rankings,)."""
        area: NDArray[np.float64] = self.full - self.without.mean(axis=1)
        return area

    @property
    def sufficiency(self) -> NDArray[np.float64]:
        """The area over the curve of what is kept, (rankings,)."""
        area: NDArray[np.float64] = self.full - self.only.mean(axis=1)
        return area

    @property
    def score(self) -> NDArray[np.float64]:
        """Comprehensiveness less sufficiency, (rankings,): the area between the two curves, higher is better."""
        return self.comprehensiveness - self.sufficiency


def sizes(words: int, bins: Sequence[float] = BINS) -> list[int]:
    """Return how many words each bin takes of a text: its share, rounded up."""
    return [math.ceil(share * words - 1e-9) for share in bins]  # 0.1 of 30 words is 3, whatever floats say


def ranking(weights: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return the indices of the weights, highest first; equal ones in the order of the text."""
    return np.argsort(-weights, kind="stable")


def curves(
    scorer: PerturbationScorer, probes: Sequence[Probe], removal: Removal, bins: Sequence[float] = BINS
) -> list[Curves]:
    """Return the curves of each probe, all of them in common batches."""
    take = REMOVALS[removal]
    rows: list[Ids] = []
    runs: list[int] = []
    for target, owner, rankings in probes:
        counts = sizes(rankings.shape[1], bins)
        before = len(rows)
        rows.append(target.ids)
        for order in rankings:
            rank = np.empty(len(order), dtype=np.int64)
            rank[order] = np.arange(len(order))
            places = rank[owner]
            rows += [take(target.ids, places >= count) for count in counts]
            rows += [take(target.ids, places < count) for count in counts]
        runs.append(len(rows) - before)
    drawn = []
    for probe, logits in zip(probes, np.split(scorer.logits(rows), np.cumsum(runs, dtype=int))[:-1], strict=True):
        probabilities = probe.target.probability(logits)
        left = probabilities[1:].reshape(len(probe.rankings), 2, len(bins))
        drawn.append(Curves(float(probabilities[0]), left[:, 0], left[:, 1]))
    return drawn


class Figures(NamedTuple):
    """The two figures of an explanation, and their means over random rankings of the same text."""

    comprehensiveness: float
    sufficiency: float
    random_comprehensiveness: float
    random_sufficiency: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Faithfulness:
    """How much one explanation is worth, by each removal, next to chance.

    The score is comprehensiveness less sufficiency, its mean over the removals. `gain` is what it has over the mean of
    the random rankings; `deviation` their standard deviation.
    """

    figures: dict[Removal, Figures]
    gain: float
    deviation: float
    words: int

    @property
    def verdict(self) -> Verdict:
        """One honest word: the rule is in docs/explaining.md."""
        if self.words < FEWEST:
            return "too short to tell"
        if self.gain >= max(CLEAR, SURE * self.deviation):
            return "faithful"
        return "weak" if self.gain >= max(SOME, LIKELY * self.deviation) else "no better than chance"

    def to_dict(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        by_removal: dict[str, Any] = {
            removal: {
                "comprehensiveness": found.comprehensiveness,
                "sufficiency": found.sufficiency,
                "random": {
                    "comprehensiveness": found.random_comprehensiveness,
                    "sufficiency": found.random_sufficiency,
                },
            }
            for removal, found in self.figures.items()
        }
        return {"verdict": self.verdict, "gain": self.gain, "deviation": self.deviation, **by_removal}


def measured(
    scorer: PerturbationScorer,
    targets: Sequence[ExplanationTarget],
    owners: Sequence[NDArray[np.integer]],
    weights: Sequence[NDArray[np.floating]],
    chances: int = CHANCES,
) -> list[Faithfulness]:
    """Return for each text how faithful its weights (words,) are, next to `chances` random rankings of its words.

    `owners` (tokens,) has the word of each token, from 0. The random rankings are the same for the same text.
    """
    probes = [
        Probe(target, owner, np.vstack([ranking(weight), shuffled(target, len(weight), chances)]))
        for target, owner, weight in zip(targets, owners, weights, strict=True)
    ]
    found: dict[Removal, list[Curves]] = {removal: curves(scorer, probes, removal) for removal in REMOVALS}
    return [
        _compared({removal: drawn[place] for removal, drawn in found.items()}, probe.rankings.shape[1])
        for place, probe in enumerate(probes)
    ]


def shuffled(target: ExplanationTarget, words: int, count: int) -> NDArray[np.intp]:
    """Return random rankings of the words of a text, (count, words), the same for the same text."""
    return np.random.default_rng(target.seed).random((count, words)).argsort(axis=1)


def _compared(drawn: dict[Removal, Curves], words: int) -> Faithfulness:
    score = np.mean([one.score for one in drawn.values()], axis=0)
    own, others = score[0], score[1:]
    return Faithfulness(
        figures={
            removal: Figures(
                float(one.comprehensiveness[0]),
                float(one.sufficiency[0]),
                float(one.comprehensiveness[1:].mean()),
                float(one.sufficiency[1:].mean()),
            )
            for removal, one in drawn.items()
        },
        gain=float(own - others.mean()),
        deviation=float(others.std(ddof=1)),
        words=words,
    )
