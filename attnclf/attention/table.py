"""The table from the names people type to what computes: adding a mechanism is one function and one row."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn

from attnclf.attention import alignments, contexts, modules


class Score(NamedTuple):
    """How to build a score from the width of the keys, and the width of the query it wants (0: it wants none)."""

    build: Callable[[int], nn.Module]
    query_dim: Callable[[int], int]
    formula: str
    source: str


class Alignment(NamedTuple):
    """A function of (scores, keep) that returns weights of the same shape."""

    align: Callable[[Tensor, Tensor], Tensor]
    formula: str
    source: str


class Context(NamedTuple):
    """A function of (weights, values, keep) and the width of what it returns, as a multiple of the values' width."""

    join: Callable[[Tensor, Tensor, Tensor], Tensor]
    widths: int
    formula: str
    source: str


SCORES: dict[str, Score] = {
    "temporal": Score(
        build=lambda dim: modules.Temporal(dim),
        query_dim=lambda dim: 0,
        formula="tanh(w·h_t + b)",
        source="Raffel & Ellis 2016",
    ),
    "additive": Score(
        build=lambda dim: modules.Additive(dim, dim, dim),
        query_dim=lambda dim: dim,
        formula="vᵀ tanh(W q + U h_t)",
        source="Bahdanau et al. 2015, A.1.2",
    ),
}

ALIGNMENTS: dict[str, Alignment] = {
    "global": Alignment(alignments.global_softmax, "softmax over all real positions", "Luong et al. 2015, eq. 7"),
}

CONTEXTS: dict[str, Context] = {
    "soft": Context(contexts.soft, 1, "Σ a_t h_t", "Bahdanau et al. 2015, eq. 5"),
    "soft+max": Context(contexts.soft_and_max, 2, "[Σ a_t h_t ; max_t h_t]", "after Adhikari et al. 2019"),
}
