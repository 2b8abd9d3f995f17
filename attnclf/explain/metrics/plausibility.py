"""The agreement of weights of tokens with marked evidence: the plausibility figures of ERASER (DeYoung et al. 2020).

Each function scores one text; a figure for a file is `mean` over texts, or for spans `macro_f1`. Only texts with a
marked token can be scored. Two choices decide the figures and are not in the definitions. A token may be a word as
`explain` shows it, or one of the data; and the number of chosen tokens differs. ERASER chooses the `top` k tokens: k is
the length of the text times the mean share of marked tokens in the data set (`mean_share`, section 4.1). The figures of
ferret and of Mathew et al. 2021 take the top 5.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Marks = NDArray[np.bool_]  # (tokens,)


class Hits(NamedTuple):
    """For one text: the share of chosen tokens that are right, and the share of right ones that were chosen.

    `precision` is None where nothing was chosen.
    """

    precision: float | None
    recall: float


class Plausibility(NamedTuple):
    """The three figures of many texts: of each text (texts,), and for spans of all of them."""

    auprc: NDArray[np.float64]
    token_f1: NDArray[np.float64]
    iou_f1: float


def plausibility(weights: Sequence[NDArray[np.floating]], marked: Sequence[Marks], share: float) -> Plausibility:
    """Return the figures of the weights (tokens,) of texts that all have a mark; `share` of each text is chosen.

    The spans that are compared are runs of chosen tokens and runs of marked ones.
    """
    pairs = [(top(one, share), other) for one, other in zip(weights, marked, strict=True)]
    return Plausibility(
        auprc=np.array(list(map(auprc, weights, marked))),
        token_f1=np.array([token_f1(*pair) for pair in pairs]),
        iou_f1=macro_f1([iou_hits(runs(one), runs(other)) for one, other in pairs]),
    )


def mean_share(texts: Iterable[Marks]) -> float:
    """Return the mean over texts of the share of tokens that are marked (DeYoung et al. 2020, section 4.1)."""
    return float(np.mean([marked.mean() for marked in texts]))


def top(weights: NDArray[np.floating], share: float) -> Marks:
    """Return which tokens (tokens,) are chosen: the heaviest round(share · tokens), but one at least.

    If weights are equal, the first are taken.
    """
    count = min(max(round(share * len(weights)), 1), len(weights))
    chosen = np.zeros(len(weights), dtype=bool)
    chosen[np.argsort(-weights, kind="stable")[:count]] = True
    return chosen


def token_f1(chosen: Marks, marked: Marks) -> float:
    """Return the F1 of the chosen tokens of a text; a file's figure is the mean of these.

    DeYoung et al. 2020, section 4.1; `instance_macro` of their `score_hard_rationale_predictions`.
    """
    both = float((chosen & marked).sum())
    return 2 * both / float(chosen.sum() + marked.sum()) if both else 0.0


def iou_hits(chosen: Sequence[tuple[int, int]], marked: Sequence[tuple[int, int]], threshold: float = 0.5) -> Hits:
    """Return how many spans (start, end) of tokens, end excluded, are right in a text.

    A chosen span is right if its intersection with some marked span, over their union, reaches the threshold. As in
    `partial_match_score` of DeYoung et al. 2020, recall counts chosen spans that are right, so that two halves of one
    marked span count twice.
    """
    right = sum(any(_overlap(one, other) >= threshold for other in marked) for one in chosen)
    return Hits(right / len(chosen) if chosen else None, right / len(marked))


def macro_f1(texts: Sequence[Hits]) -> float:
    """Return the F1 of the mean precision, over texts where something was chosen, and the mean recall, over all.

    DeYoung et al. 2020, section 4.1: the mean comes first, then the F1.
    """
    chosen = [hits.precision for hits in texts if hits.precision is not None]
    precision = float(np.mean(chosen)) if chosen else 0.0
    recall = float(np.mean([hits.recall for hits in texts]))
    return 2 * precision * recall / (precision + recall) if precision and recall else 0.0


def auprc(weights: NDArray[np.floating], marked: Marks) -> float:
    """Return the area under the precision-recall curve of a text's weights, by the trapezoid rule.

    A file's figure is the mean over texts (DeYoung et al. 2020, section 4.1). Tokens of equal weight are chosen
    together; the curve begins at recall 0 with precision 1, as scikit-learn draws it.
    """
    order = np.argsort(-weights, kind="stable")
    hits, falling = np.cumsum(marked[order]), weights[order]
    last = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)  # of each group of equal weights
    precision = np.append(1.0, hits[last] / (last + 1))
    recall = np.append(0.0, hits[last] / hits[-1])
    return float(np.sum(np.diff(recall) * (precision[1:] + precision[:-1]) / 2))


def runs(marks: Marks) -> list[tuple[int, int]]:
    """Return the spans (start, end), end excluded, of neighbouring True tokens."""
    edges = np.flatnonzero(np.diff(np.pad(marks.astype(np.int8), 1)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Return intersection over union."""
    both = max(0, min(one[1], other[1]) - max(one[0], other[0]))
    return both / (one[1] - one[0] + other[1] - other[0] - both)
