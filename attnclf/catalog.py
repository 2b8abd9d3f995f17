"""What can be chosen by name: scores, alignments, contexts and architectures, with formula and source.

The catalog needs no torch: a row names its function as "module:name", which is imported when it is first used. A new
mechanism is a function and a row here; a new architecture is a builder and a row. Programs add their own with
`register_score` and `register_alignment`.
"""

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from attnclf.errors import ConfigError

# What explain draws: words of the text, heads × words × words, labels × words, or features.
Pictures = Literal["highlight", "heads", "labels", "features"]


def imported(reference: Callable[..., Any] | str) -> Callable[..., Any]:
    """Return the function that "module:name" refers to; a function is returned as it is."""
    if not isinstance(reference, str):
        return reference
    module, _, name = reference.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """A score, an alignment or a context: a pure function, the parameters it learns, and where it comes from.

    `function` is called with keyword arguments. Those that `parameters` names are learned. The others are
    `inputs`, which the caller passes by name:

    - scores: `query`, `keys`;
    - alignments: `scores`, `keep`, `query`, `window`, `position`, `sampling`;
    - contexts: `weights`, `values`, `keep`.

    `parameters` maps names to shapes, in words: `query`, `key` (their widths), `hidden` (free), `max_length` (tokens of
    the longest text); `""` is a single number.
    """

    function: Callable[..., Any] | str
    inputs: tuple[str, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    formula: str
    source: str
    one_hot: bool = False  # all weight on one position: an alignment returns such weights, a context needs them
    even: bool = False  # an alignment that gives equal scores equal weights
    widths: int = 1  # width of a context, in widths of the values

    @property
    def compute(self) -> Callable[..., Any]:
        """The function itself."""
        return imported(self.function)


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A whole network: how to build it from its settings, what it is, and what it needs.

    `builder` is a function with the arguments of `build`, which returns an `nn.Module` with `embedding(ids)` → vectors,
    `classify(vectors, lengths)` → `attnclf.model.output.Output`, and `forward`, which is one after the other.
    A `sequential` network emits labels one after the other, and has `teach(vectors, lengths, sequences)` → logits of
    each next label. One that `pools` combines states by the weights that `explain` shows.

    `reads` are the sections of `model` in the settings that it uses; others are refused. `changes` are the settings
    that it changes in every preset.
    """

    builder: Callable[..., Any] | str
    formula: str
    source: str
    pictures: Pictures
    reads: tuple[str, ...]
    changes: Mapping[str, Any] = field(default_factory=dict)
    pools: bool = True
    sequential: bool = False

    def build(self, config: Any, vocabulary: int, labels: int, max_length: int) -> Any:
        """Return a new network; `config` is a `ModelConfig`."""
        return imported(self.builder)(config, vocabulary, labels, max_length)


SCORES: dict[str, Mechanism] = {
    "temporal": Mechanism(
        function="attnclf.attention.scores:temporal",
        inputs=("keys",),
        parameters={"w": "key", "b": ""},
        formula="tanh(w·h_t + b)",
        source="Raffel & Ellis 2016, eq. 1",
    ),
    "feed_forward": Mechanism(
        function="attnclf.attention.scores:feed_forward",
        inputs=("keys",),
        parameters={"w": "key", "b": "max_length"},
        formula="tanh(w·h_t + b_t)",
        source="Raffel & Ellis 2016, eq. 1, with a bias per position",
    ),
    "additive": Mechanism(
        function="attnclf.attention.scores:additive",
        inputs=("query", "keys"),
        parameters={"w_query": "hidden query", "w_key": "hidden key", "v": "hidden"},
        formula="vᵀ tanh(W q + U h_t)",
        source="Bahdanau et al. 2015, A.1.2",
    ),
    "dot": Mechanism(
        function="attnclf.attention.scores:dot",
        inputs=("query", "keys"),
        formula="qᵀh_t",
        source="Luong et al. 2015, section 3.1",
    ),
    "scaled_dot": Mechanism(
        function="attnclf.attention.scores:scaled_dot",
        inputs=("query", "keys"),
        formula="qᵀh_t / √d",
        source="Vaswani et al. 2017, eq. 1",
    ),
    "general": Mechanism(
        function="attnclf.attention.scores:general",
        inputs=("query", "keys"),
        parameters={"w": "query key"},
        formula="qᵀ W h_t",
        source="Luong et al. 2015, section 3.1",
    ),
    "biased_general": Mechanism(
        function="attnclf.attention.scores:biased_general",
        inputs=("query", "keys"),
        parameters={"w": "query key", "u": "key"},
        formula="qᵀ W h_t + uᵀh_t",
        source="Sordoni et al. 2016",
    ),
    "location": Mechanism(
        function="attnclf.attention.scores:location",
        inputs=("query", "keys"),
        parameters={"w": "max_length query"},
        formula="(W q)_t",
        source="Luong et al. 2015, eq. 8",
    ),
    "cosine": Mechanism(
        function="attnclf.attention.scores:cosine",
        inputs=("query", "keys"),
        parameters={"log_sharpness": ""},
        formula="β qᵀh_t / (‖q‖ ‖h_t‖)",
        source="Graves et al. 2014, eqs. 5 and 6",
    ),
}

ALIGNMENTS: dict[str, Mechanism] = {
    "global": Mechanism(
        function="attnclf.attention.alignments:global_softmax",
        inputs=("scores", "keep"),
        even=True,
        formula="softmax over all real positions",
        source="Luong et al. 2015, eq. 7",
    ),
    "local-m": Mechanism(
        function="attnclf.attention.alignments:local_m",
        inputs=("scores", "keep", "window", "position"),
        formula="softmax within D of the middle",
        source="Luong et al. 2015, section 3.2",
    ),
    "local-p": Mechanism(
        function="attnclf.attention.alignments:local_p",
        inputs=("scores", "keep", "query", "window"),
        parameters={"w_p": "hidden query", "v_p": "hidden"},
        formula="softmax within D of p, times exp(−2 (t − p)² / D²); p = T sigmoid(v_pᵀ tanh(W_p q))",
        source="Luong et al. 2015, section 3.2, eqs. 9 and 10",
    ),
    "hard": Mechanism(
        function="attnclf.attention.alignments:hard",
        inputs=("scores", "keep", "sampling"),
        formula="1 at the best position, 0 elsewhere",
        source="Xu et al. 2015, section 4.1; Jang et al. 2017, section 2.2",
        one_hot=True,
    ),
    "sparsemax": Mechanism(
        function="attnclf.attention.alignments:sparsemax",
        inputs=("scores", "keep"),
        even=True,
        formula="max(e_t − τ, 0)",
        source="Martins & Astudillo 2016, algorithm 1",
    ),
    "entmax15": Mechanism(
        function="attnclf.attention.alignments:entmax15",
        inputs=("scores", "keep"),
        even=True,
        formula="max(e_t / 2 − τ, 0)²",
        source="Peters et al. 2019, algorithm 2",
    ),
}

CONTEXTS: dict[str, Mechanism] = {
    "soft": Mechanism(
        function="attnclf.attention.contexts:soft",
        inputs=("weights", "values", "keep"),
        formula="Σ a_t h_t",
        source="Bahdanau et al. 2015, eq. 5",
    ),
    "hard": Mechanism(
        function="attnclf.attention.contexts:hard",
        inputs=("weights", "values", "keep"),
        formula="h_s, s the position chosen",
        source="Xu et al. 2015, section 4.1",
        one_hot=True,
    ),
    "soft+max": Mechanism(
        function="attnclf.attention.contexts:soft_and_max",
        inputs=("weights", "values", "keep"),
        formula="[Σ a_t h_t ; max_t h_t]",
        source="after Adhikari et al. 2019",
        widths=2,
    ),
}

SHORT = 512  # tokens read where time and memory grow with their square, or where only the first positions are learned

ARCHITECTURES: dict[str, Architecture] = {
    "temporal": Architecture(
        builder="attnclf.model.architectures:temporal",
        formula="embedding → recurrent states h_t → Σ a_t h_t → dense",
        source="Raffel & Ellis 2016; Yang et al. 2016, sec. 2.2",
        pictures="highlight",
        reads=("embedding", "encoder", "attention", "ngrams"),
    ),
    "feed-forward": Architecture(
        builder="attnclf.model.architectures:temporal",
        formula="temporal with e_t = tanh(w·h_t + b_t), a bias for each position",
        source="Raffel & Ellis 2016, eq. 1",
        pictures="highlight",
        reads=("embedding", "encoder", "attention", "ngrams"),
        # A bias for each position: one that few texts reach would hardly be learned.
        changes={
            "text": {"max_length": SHORT},
            "model": {"encoder": {"output": "states"}, "attention": {"score": "feed_forward", "alignment": "global"}},
        },
    ),
    "self-attention": Architecture(
        builder="attnclf.model.architectures:self_attention",
        formula="embedding + positions → heads of softmax(Q Kᵀ / √d) V → Σ a_t h_t → dense",
        source="Vaswani et al. 2017, sec. 3.1",
        pictures="heads",
        reads=("embedding", "attention", "transformer", "ngrams"),
        # No recurrent encoder: its settings return to the defaults, so that one that a person sets is refused.
        changes={
            "text": {"max_length": SHORT},
            "model": {"encoder": {"hidden": 64, "output": "states"}, "attention": {"alignment": "global"}},
            "training": {"learning_rate": 2e-3},
        },
    ),
    "recurrent-self-attention": Architecture(
        builder="attnclf.model.architectures:recurrent_self_attention",
        formula="embedding → recurrent states → heads of softmax(Q Kᵀ / √d) V → Σ a_t h_t → dense",
        source="Vaswani et al. 2017, sec. 3.1, over recurrent states",
        pictures="heads",
        reads=("embedding", "encoder", "attention", "transformer", "ngrams"),
        # Recurrent states know their positions.
        changes={
            "text": {"max_length": SHORT},
            "model": {
                "encoder": {"output": "states"},
                "transformer": {"layers": 1, "positions": "none"},
                "attention": {"alignment": "global"},
            },
            "training": {"learning_rate": 2e-3},
        },
    ),
    "label-decoder": Architecture(
        builder="attnclf.model.architectures:label_decoder",
        formula="embedding → recurrent states h_t → decoder: start → label → label → end, Σ a_t h_t at each step",
        source="Yang et al. 2018; Bahdanau et al. 2015; Luong et al. 2015",
        pictures="labels",
        reads=("embedding", "encoder", "attention", "decoder"),
        # Each step has its own query, so the score needs one; n-grams have no part in what is emitted.
        changes={
            "model": {
                "encoder": {"output": "states"},
                "attention": {"score": "additive", "alignment": "global"},
                "ngrams": {"features": 0},
            },
        },
        pools=False,
        sequential=True,
    ),
    "feature-gate": Architecture(
        builder="attnclf.model.architectures:feature_gate",
        formula="TF-IDF x → x ⊙ softmax(W x + b), or h = relu(V x + c), h ⊙ σ(W h + b) → dense",
        source="dense attention; Dauphin et al. 2017, eq. 1",
        pictures="features",
        reads=("gate",),
        # It counts tokens, or reads columns: no vectors, no states, no pooling of them.
        changes={
            "text": {"max_length": SHORT},
            "model": {
                "embedding": {"dim": 128, "token_dropout": 0.0, "start": "random"},
                "encoder": {"hidden": 64, "output": "states"},
                "attention": {"alignment": "global", "context": "soft"},
                "ngrams": {"features": 0},
            },
            "training": {"adversarial": 0.0},
        },
        pools=False,
    ),
}


def reading(section: str) -> list[str]:
    """Return the architectures that use a section of `model` in the settings."""
    return [name for name, row in ARCHITECTURES.items() if section in row.reads]


def pooling() -> list[str]:
    """Return the architectures that pool states."""
    return [name for name, row in ARCHITECTURES.items() if row.pools]


def register_score(
    name: str,
    function: Callable[..., Any],
    *,
    parameters: Mapping[str, str] | None = None,
    formula: str = "",
    source: str = "",
) -> None:
    """Add a score that `model.attention.score` may name.

    `function(query, keys, **parameters)` returns scores (…, q, time) for queries (…, q, query) and keys (…, time, key);
    it may leave `query` out. `parameters` are learned: names and shapes as in `Mechanism`. The function must be made of
    torch operations that export to ONNX. A saved model predicts without it. Raises ConfigError for a name that is taken
    or an argument that nothing provides.
    """
    _register(SCORES, "score", name, function, parameters, ("query", "keys"), formula, source)


def register_alignment(
    name: str,
    function: Callable[..., Any],
    *,
    parameters: Mapping[str, str] | None = None,
    formula: str = "",
    source: str = "",
) -> None:
    """Add an alignment that `model.attention.alignment` may name.

    `function(scores, keep, …)` returns weights (…, q, time) for scores (…, q, time); padding, where `keep` (…, 1, time)
    is False, gets exactly 0. It may also take `query`, `window`, `position` and `sampling`, as `Mechanism` lists them.
    The rest is as in `register_score`.
    """
    given = ("scores", "keep", "query", "window", "position", "sampling")
    _register(ALIGNMENTS, "alignment", name, function, parameters, given, formula, source)


def _register(
    table: dict[str, Mechanism],
    kind: str,
    name: str,
    function: Callable[..., Any],
    parameters: Mapping[str, str] | None,
    given: tuple[str, ...],
    formula: str,
    source: str,
) -> None:
    if name in table:
        raise ConfigError(f"there is a {kind} {name!r} already", fix="register yours under another name")
    learned = dict(parameters or {})
    inputs = tuple(argument for argument in inspect.signature(function).parameters if argument not in learned)
    for argument in inputs:
        if argument not in given:
            raise ConfigError(
                f"{kind} {name!r} takes {argument!r}, which nothing provides",
                fix=f"name it in parameters, or use: {', '.join(given)}",
            )
    table[name] = Mechanism(function=function, inputs=inputs, parameters=learned, formula=formula, source=source)
