"""The table from the names people type to what computes: adding a mechanism is one function and one row."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from attnclf.attention import alignments, contexts, scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """One row: a pure function, the parameters it learns, and where it comes from.

    `function` is called with keyword arguments. Those that `parameters` names are learned; the others are `inputs`,
    given by the caller under these names: `query`, `keys` (scores); `scores`, `keep`, `query`, `window`, `position`,
    `sampling` (alignments); `weights`, `values`, `keep` (contexts).

    `parameters` maps names to shapes, in words: `query`, `key` (their widths), `hidden` (free), `max_length` (units of
    the longest text); `""` is a single number.
    """

    function: Callable[..., Tensor]
    parameters: Mapping[str, str] = field(default_factory=dict)
    formula: str
    source: str
    one_hot: bool = False  # all weight on one position: an alignment returns such weights, a context wants them
    widths: int = 1  # width of a context, in widths of the values

    @property
    def inputs(self) -> frozenset[str]:
        """Names of the function's arguments that are not learned."""
        return frozenset(inspect.signature(self.function).parameters) - frozenset(self.parameters)


SCORES: dict[str, Mechanism] = {
    "temporal": Mechanism(
        function=scores.temporal,
        parameters={"w": "key", "b": ""},
        formula="tanh(w·h_t + b)",
        source="Raffel & Ellis 2016, eq. 1",
    ),
    "feed_forward": Mechanism(
        function=scores.feed_forward,
        parameters={"w": "key", "b": "max_length"},
        formula="tanh(w·h_t + b_t)",
        source="Raffel & Ellis 2016, eq. 1, with a bias per position",
    ),
    "additive": Mechanism(
        function=scores.additive,
        parameters={"w_query": "hidden query", "w_key": "hidden key", "v": "hidden"},
        formula="vᵀ tanh(W q + U h_t)",
        source="Bahdanau et al. 2015, A.1.2",
    ),
    "dot": Mechanism(function=scores.dot, formula="qᵀh_t", source="Luong et al. 2015, section 3.1"),
    "scaled_dot": Mechanism(function=scores.scaled_dot, formula="qᵀh_t / √d", source="Vaswani et al. 2017, eq. 1"),
    "general": Mechanism(
        function=scores.general,
        parameters={"w": "query key"},
        formula="qᵀ W h_t",
        source="Luong et al. 2015, section 3.1",
    ),
    "biased_general": Mechanism(
        function=scores.biased_general,
        parameters={"w": "query key", "u": "key"},
        formula="qᵀ W h_t + uᵀh_t",
        source="Sordoni et al. 2016",
    ),
    "location": Mechanism(
        function=scores.location,
        parameters={"w": "max_length query"},
        formula="(W q)_t",
        source="Luong et al. 2015, eq. 8",
    ),
    "cosine": Mechanism(
        function=scores.cosine,
        parameters={"log_sharpness": ""},
        formula="β qᵀh_t / (‖q‖ ‖h_t‖)",
        source="Graves et al. 2014, eqs. 5 and 6",
    ),
}

ALIGNMENTS: dict[str, Mechanism] = {
    "global": Mechanism(
        function=alignments.global_softmax,
        formula="softmax over all real positions",
        source="Luong et al. 2015, eq. 7",
    ),
    "local-m": Mechanism(
        function=alignments.local_m,
        formula="softmax within D of the middle",
        source="Luong et al. 2015, section 3.2",
    ),
    "local-p": Mechanism(
        function=alignments.local_p,
        parameters={"w_p": "hidden query", "v_p": "hidden"},
        formula="softmax within D of p, times exp(−2 (t − p)² / D²); p = T sigmoid(v_pᵀ tanh(W_p q))",
        source="Luong et al. 2015, section 3.2, eqs. 9 and 10",
    ),
    "hard": Mechanism(
        function=alignments.hard,
        formula="1 at the best position, 0 elsewhere",
        source="Xu et al. 2015, section 4.1; Jang et al. 2017, section 2.2",
        one_hot=True,
    ),
    "sparsemax": Mechanism(
        function=alignments.sparsemax,
        formula="max(e_t − τ, 0)",
        source="Martins & Astudillo 2016, algorithm 1",
    ),
    "entmax15": Mechanism(
        function=alignments.entmax15,
        formula="max(e_t / 2 − τ, 0)²",
        source="Peters et al. 2019, algorithm 2",
    ),
}

CONTEXTS: dict[str, Mechanism] = {
    "soft": Mechanism(function=contexts.soft, formula="Σ a_t h_t", source="Bahdanau et al. 2015, eq. 5"),
    "hard": Mechanism(
        function=contexts.hard,
        formula="h_s, s the position chosen",
        source="Xu et al. 2015, section 4.1",
        one_hot=True,
    ),
    "soft+max": Mechanism(
        function=contexts.soft_and_max,
        formula="[Σ a_t h_t ; max_t h_t]",
        source="after Adhikari et al. 2019",
        widths=2,
    ),
}
