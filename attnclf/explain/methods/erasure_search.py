"""Units are deleted step by step, each time those without which the answer falls deepest."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from attnclf.explain.methods.method import Method
from attnclf.explain.metrics.faithfulness import BINS, sizes
from attnclf.explain.perturbation import PerturbationScorer, Scored
from attnclf.explain.target import ExplanationTarget
from attnclf.explain.types.weights import Weights

TRIED = 4  # units that are tried as the last one of a step
STEPS = {**dict.fromkeys(BINS, TRIED), 0.35: 1}  # shares that are gone after a step; the longest has a halt midway
NEAR = 0.2  # share of the largest belief by which one of them may be lighter than the first
SHORT = 8  # units of a step; in a longer one it matters little which is the last
FALLEN = -3.0  # value, a probability below a twentieth: so little is left to fall that the search ends


def erasure_search(targets: Sequence[ExplanationTarget], scorer: PerturbationScorer) -> list[Weights]:
    """Return weights in the order of a greedy search for what to delete (erasure: Li et al. 2016, "Understanding …").

    A step ends at each of the shares `STEPS` of the text. It deletes the heaviest units that are left, and as the last
    of them the one of `TRIED`, all about as heavy, without which value is lowest. The first belief about how heavy
    units are is their attention_x_gradient in the whole text. After a step, belief about those that are left moves
    halfway to what their attention_x_gradient is now; of a unit that was tried by itself, also halfway to the fall of
    value without it. A step of more than `SHORT` units tries instead the heaviest by belief, and the heaviest now.

    The sizes are those beliefs, for a unit that was taken by itself the fall, dealt out in the order of the search, the
    largest first. At most 2 + `TRIED` × 5 runs of the network, whatever the length, and fewer where value is below
    `FALLEN` before the end. The search looks for what comprehensiveness by deletion rewards.
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
    """A text on its way: value, what units weigh now and are believed to (units,), which are left, and those taken."""

    target: ExplanationTarget
    value: float
    now: NDArray[np.float64]
    beliefs: NDArray[np.float64]
    left: NDArray[np.bool_]
    taken: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, target: ExplanationTarget, said: Scored) -> "_Search":
        now = said.added @ target.slope(said.logits)
        return cls(target, float(target.value(said.logits)), now, now.copy(), np.ones(len(now), dtype=bool))

    def heaviest(self, weights: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the units that are left, the heaviest first."""
        left = np.flatnonzero(self.left)
        return left[np.argsort(-weights[left], kind="stable")]

    def tries(self, share: float, most: int) -> NDArray[np.bool_]:
        """Return what is left in each try of a step, (tries, units); no try where nothing is to go, or all would."""
        (target,) = sizes(len(self.left), (share,))
        step, order = target - len(self.taken), self.heaviest(self.beliefs)
        if not 0 < step < len(order):
            return np.empty((0, len(self.left)), dtype=bool)
        if step > SHORT:
            gone = [order[:step]]
            rivals = self.heaviest(self.now)[:step]
            if most > 1 and not np.isin(rivals, order[:step]).all():
                gone.append(rivals)
        else:
            last = order[step - 1 :][:most]
            beliefs = self.beliefs[last]
            near = beliefs >= beliefs[0] - NEAR * np.abs(self.beliefs).max()
            gone = [np.append(order[: step - 1], unit) for unit in last[near]]
        left = np.repeat(self.left[np.newaxis], len(gone), axis=0)
        for row, units in zip(left, gone, strict=True):
            row[units] = False
        return left

    def take(self, tries: NDArray[np.bool_], said: Sequence[Scored]) -> None:
        """Go on with the deepest fall."""
        values = self.target.value(np.array([one.logits for one in said]))
        best = int(values.argmin())
        gone, left = np.flatnonzero(self.left & ~tries[best]), tries[best]
        self.taken += gone[np.argsort(-self.beliefs[gone], kind="stable")].tolist()
        self.now[left] = said[best].added @ self.target.slope(said[best].logits)
        self.beliefs[left] = (self.beliefs[left] + self.now[left]) / 2
        if len(gone) == 1:
            tried, falls = (self.left & ~tries).argmax(axis=1), self.value - values
            self.beliefs[tried] = (self.beliefs[tried] + falls) / 2
            self.beliefs[gone] = falls[best]
        self.value, self.left = float(values[best]), left

    def weights(self) -> NDArray[np.float64]:
        order = [*self.taken, *self.heaviest(self.beliefs)]
        weights = np.empty(len(self.beliefs))
        weights[order] = -np.sort(-self.beliefs)
        return weights


ROWS = {
    "erasure-search": Method(
        erasure_search,
        "the fall when tokens are deleted step by step",
        signed=True,
        order=6,
        outputs=("evidence",),
        removal="delete",
        scored=True,
    )
}
