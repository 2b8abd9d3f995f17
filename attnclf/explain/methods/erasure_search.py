"""Tokens are deleted step by step, each time those whose deletion lowers the answer most."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from attnclf.explain.methods.method import explanation_method
from attnclf.explain.metrics.faithfulness import BINS, sizes
from attnclf.explain.perturbation import PerturbationScorer, Scored
from attnclf.explain.target import ExplanationTarget
from attnclf.explain.types.weights import Weights

TRIED = 4  # tokens that are tried as the last one of a step
STEPS = {**dict.fromkeys(BINS, TRIED), 0.35: 1}  # shares that are gone after a step; the longest has a halt midway
NEAR = 0.2  # share of the largest belief by which one of them may be lighter than the first
SHORT = 8  # tokens of a step; in a longer one it matters little which is the last
FALLEN = -3.0  # value, a probability below a twentieth: so little is left to fall that the search ends


@explanation_method(
    "erasure-search",
    "the fall when tokens are deleted step by step",
    signed=True,
    order=6,
    outputs=("evidence",),
    removal="delete",
    scored=True,
)
def erasure_search(targets: Sequence[ExplanationTarget], scorer: PerturbationScorer) -> list[Weights]:
    """Return weights in the order of a greedy search for what to delete (erasure: Li et al. 2016, "Understanding …").

    A step ends at each of the shares `STEPS` of the text. It deletes the tokens with the largest estimated weights. As
    the last one it tries up to `TRIED` tokens of similar weight, and takes the one without which value is lowest.

    - The first estimate of a weight is the attention_x_gradient in the whole text.
    - After a step, the estimate of each remaining token moves halfway to its attention_x_gradient now.
    - The estimate of a token that was tried alone also moves halfway to the fall of value without it.
    - A step of more than `SHORT` tokens tries two sets instead: the largest by estimate, and the largest now.

    The weights are these estimates (the fall of value for a token that was taken alone), sorted and assigned in the
    order of the search, the largest first. The search runs the network at most 2 + `TRIED` × 5 times for any length,
    and stops early if value is below `FALLEN`. It maximises what comprehensiveness by deletion rewards.
    """
    whole = scorer.evidence([target.ids for target in targets])
    searches = [_Search.of(*pair) for pair in zip(targets, whole, strict=True)]
    for share, most in sorted(STEPS.items()):
        tries = [(search, search.tries(share, most)) for search in searches if search.value > FALLEN]
        going = [(search, tried) for search, tried in tries if len(tried)]
        if not going:
            continue
        said = iter(scorer.evidence([search.target.ids[left] for search, tried in going for left in tried]))
        for search, tried in going:
            search.take(tried, [next(said) for _ in tried])
    return [Weights(search.weights()) for search in searches]


@dataclass(slots=True)
class _Search:
    """The state of a search: value, weights now and estimated (tokens,), the tokens that are left, and those taken."""

    target: ExplanationTarget
    value: float
    now: NDArray[np.float64]
    estimates: NDArray[np.float64]
    left: NDArray[np.bool_]
    taken: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, target: ExplanationTarget, said: Scored) -> "_Search":
        now = said.added @ target.slope(said.logits)
        return cls(target, float(target.value(said.logits)), now, now.copy(), np.ones(len(now), dtype=bool))

    def heaviest(self, weights: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the tokens that are left, sorted by `weights`, the largest first."""
        left = np.flatnonzero(self.left)
        return left[np.argsort(-weights[left], kind="stable")]

    def tries(self, share: float, most: int) -> NDArray[np.bool_]:
        """Return the tokens that are left in each try of a step, (tries, tokens); no try if none or all would go."""
        (target,) = sizes(len(self.left), (share,))
        step, order = target - len(self.taken), self.heaviest(self.estimates)
        if not 0 < step < len(order):
            return np.empty((0, len(self.left)), dtype=bool)
        if step > SHORT:
            gone = [order[:step]]
            rivals = self.heaviest(self.now)[:step]
            if most > 1 and not np.isin(rivals, order[:step]).all():
                gone.append(rivals)
        else:
            last = order[step - 1 :][:most]
            estimates = self.estimates[last]
            near = estimates >= estimates[0] - NEAR * np.abs(self.estimates).max()
            gone = [np.append(order[: step - 1], token) for token in last[near]]
        left = np.repeat(self.left[np.newaxis], len(gone), axis=0)
        for row, tokens in zip(left, gone, strict=True):
            row[tokens] = False
        return left

    def take(self, tries: NDArray[np.bool_], said: Sequence[Scored]) -> None:
        """Continue with the try that lowers value most."""
        values = self.target.value(np.array([one.logits for one in said]))
        best = int(values.argmin())
        gone, left = np.flatnonzero(self.left & ~tries[best]), tries[best]
        self.taken += gone[np.argsort(-self.estimates[gone], kind="stable")].tolist()
        self.now[left] = said[best].added @ self.target.slope(said[best].logits)
        self.estimates[left] = (self.estimates[left] + self.now[left]) / 2
        if len(gone) == 1:
            tried, falls = (self.left & ~tries).argmax(axis=1), self.value - values
            self.estimates[tried] = (self.estimates[tried] + falls) / 2
            self.estimates[gone] = falls[best]
        self.value, self.left = float(values[best]), left

    def weights(self) -> NDArray[np.float64]:
        order = [*self.taken, *self.heaviest(self.estimates)]
        weights = np.empty(len(self.estimates))
        weights[order] = -np.sort(-self.estimates)
        return weights
