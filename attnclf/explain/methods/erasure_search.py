"""Units are deleted step by step, each time those without which the answer falls deepest."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from attnclf.explain.faithfulness import BINS, sizes
from attnclf.explain.question import Judge, Question, Said, Weights

TRIED = 3  # units that are tried as the last one of a step
SHORT = 8  # units of a step; in a longer one it matters little which is the last, and the heaviest is taken


def erasure_search(questions: Sequence[Question], judge: Judge) -> list[Weights]:
    """Return weights in the order of a greedy search for what to delete (erasure: Li et al. 2016, "Understanding …").

    A step ends at each of the shares `BINS` of the text. It deletes the heaviest units that are left, and as the last
    of them the one of `TRIED` without which value is lowest. The first belief about how heavy units are is their
    attention_x_gradient in the whole text. After a step, belief about those that are left moves halfway to what their
    attention_x_gradient is now; of a unit that was tried by itself, also halfway to the fall of value without it.

    The sizes are those beliefs, for a unit that was taken by itself the fall, dealt out in the order of the search, the
    largest first. At most 1 + `TRIED` × 5 runs of the network, whatever the length. The search looks for what
    comprehensiveness by deletion rewards.
    """
    whole = judge.evidence([question.ids for question in questions])
    searches = [_Search.of(*pair) for pair in zip(questions, whole, strict=True)]
    for share in BINS:
        tries = [(search, search.tries(share)) for search in searches]
        going = [(search, tried) for search, tried in tries if len(tried)]
        if not going:
            continue
        said = iter(judge.evidence([search.question.ids[left] for search, tried in going for left in tried]))
        for search, tried in going:
            search.take(tried, [next(said) for _ in tried])
    return [Weights(search.weights()) for search in searches]


@dataclass(slots=True)
class _Search:
    """A text on its way: value now, beliefs (units,), which units are left (units,), and those taken, in order."""

    question: Question
    value: float
    beliefs: NDArray[np.float64]
    left: NDArray[np.bool_]
    taken: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, question: Question, said: Said) -> "_Search":
        beliefs = said.added @ question.slope(said.logits)
        return cls(question, float(question.value(said.logits)), beliefs, np.ones(len(beliefs), dtype=bool))

    def heaviest(self) -> NDArray[np.int64]:
        """Return the units that are left, the heaviest first."""
        left = np.flatnonzero(self.left)
        return left[np.argsort(-self.beliefs[left], kind="stable")]

    def tries(self, share: float) -> NDArray[np.bool_]:
        """Return what is left in each try of a step, (tries, units); no try where nothing is to go, or all would."""
        (target,) = sizes(len(self.left), (share,))
        step, order = target - len(self.taken), self.heaviest()
        if not 0 < step < len(order):
            return np.empty((0, len(self.left)), dtype=bool)
        last = order[step - 1 :][: TRIED if step <= SHORT else 1]
        left = np.tile(self.left, (len(last), 1))
        left[:, order[: step - 1]] = False
        left[np.arange(len(last)), last] = False
        return left

    def take(self, tries: NDArray[np.bool_], said: Sequence[Said]) -> None:
        """Go on with the deepest fall."""
        values = self.question.value(np.array([one.logits for one in said]))
        best = int(values.argmin())
        gone, left = np.flatnonzero(self.left & ~tries[best]), tries[best]
        self.taken += gone[np.argsort(-self.beliefs[gone], kind="stable")].tolist()
        weights = said[best].added @ self.question.slope(said[best].logits)
        self.beliefs[left] = (self.beliefs[left] + weights) / 2
        if len(gone) == 1:
            tried, falls = (self.left & ~tries).argmax(axis=1), self.value - values
            self.beliefs[tried] = (self.beliefs[tried] + falls) / 2
            self.beliefs[gone] = falls[best]
        self.value, self.left = float(values[best]), left

    def weights(self) -> NDArray[np.float64]:
        order = [*self.taken, *self.heaviest()]
        weights = np.empty(len(self.beliefs))
        weights[order] = -np.sort(-self.beliefs)
        return weights
