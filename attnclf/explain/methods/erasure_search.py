"""Units are deleted one after the other, each time the one without which the answer falls deepest."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from attnclf.explain.question import Judge, Question, Said, Weights

STEPS = 5  # units that are taken one after the other; the others stand behind them
TRIED = 3  # of the heaviest units that are left, at each step


def erasure_search(questions: Sequence[Question], judge: Judge) -> list[Weights]:
    """Return weights in the order of a greedy search for what to delete (erasure: Li et al. 2016, "Understanding …").

    At each of `STEPS` steps the `TRIED` heaviest units are each deleted from what is left, and the one stays out
    without which value is lowest. How heavy a unit is says the mean of its attention_x_gradient over the text and what
    was left after each step. The sizes are the falls of value from step to step, and those means for the units that
    were not taken; they are dealt out in the order of the search, the largest first.

    1 + `STEPS` × `TRIED` runs of the network, whatever the length. The search looks for what comprehensiveness by
    deletion rewards.
    """
    whole = judge.evidence([question.ids for question in questions])
    searches = [_Search.of(*pair) for pair in zip(questions, whole, strict=True)]
    for _ in range(STEPS):
        going = [search for search in searches if len(search.left) > 1]
        if not going:
            break
        tries = [search.tries() for search in going]
        rows = [row for search, kept in zip(going, tries, strict=True) for row in search.question.ids[kept]]
        said = iter(judge.evidence(rows))
        for search, kept in zip(going, tries, strict=True):
            search.take(kept, [next(said) for _ in kept])
    return [Weights(search.weights()) for search in searches]


@dataclass(slots=True)
class _Search:
    """A text on its way: value now, mean weights (units,), the units that are left, those taken and the falls."""

    question: Question
    value: float
    means: NDArray[np.float64]
    left: NDArray[np.int64]
    taken: list[int] = field(default_factory=list)
    falls: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, question: Question, said: Said) -> "_Search":
        means = said.added @ question.slope(said.logits)
        return cls(question, float(question.value(said.logits)), means, np.arange(len(means)))

    def tries(self) -> NDArray[np.int64]:
        """Return the units that are left without each one that is tried, (tries, units)."""
        heaviest = np.argsort(-self.means[self.left], kind="stable")[:TRIED, np.newaxis]
        place = np.arange(len(self.left) - 1)
        return self.left[place + (place >= heaviest)]

    def take(self, tries: NDArray[np.int64], said: Sequence[Said]) -> None:
        """Go on with the deepest fall."""
        values = self.question.value(np.array([one.logits for one in said]))
        best = int(values.argmin())
        self.taken.append(int(self.left.sum() - tries[best].sum()))
        self.falls.append(self.value - float(values[best]))
        self.value, self.left = float(values[best]), tries[best]
        looks = 1 + len(self.falls)  # the whole text was the first
        weights = said[best].added @ self.question.slope(said[best].logits)
        self.means[self.left] += (weights - self.means[self.left]) / looks

    def weights(self) -> NDArray[np.float64]:
        rest = self.left[np.argsort(-self.means[self.left], kind="stable")]
        weights = np.empty(len(self.means))
        weights[[*self.taken, *rest]] = -np.sort(-np.concatenate([self.falls, self.means[rest]]))
        return weights
