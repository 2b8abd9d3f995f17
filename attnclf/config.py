"""Settings: frozen dataclasses that refuse nonsense when built, read from TOML and `--set`, saved as JSON.

Each field's comment says what it does; `docs/configuration.md` lists them with their defaults.
"""

import dataclasses
import difflib
import tomllib
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from attnclf.architectures import Architecture
from attnclf.errors import ConfigError

T = TypeVar("T")

Constraint = Literal["none", "max-norm", "unit-norm", "non-negative"]

# The architectures that pool states into one vector by the weights that explain shows.
POOLED = ("temporal", "feed-forward", "self-attention", "recurrent-self-attention")

# The alignments that give all units the same weight where all score alike.
EVEN = ("global", "sparsemax", "entmax15")

# The architectures that read a section of the settings; those not named here are read by all.
READ_BY = {
    "embedding": ("temporal", "feed-forward", "self-attention", "recurrent-self-attention", "label-decoder"),
    "encoder": ("temporal", "feed-forward", "recurrent-self-attention", "label-decoder"),
    "attention": ("temporal", "feed-forward", "self-attention", "recurrent-self-attention", "label-decoder"),
    "transformer": ("self-attention", "recurrent-self-attention"),
    "decoder": ("label-decoder",),
    "gate": ("feature-gate",),
    "ngrams": POOLED,
}


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        bounds = f"{low:g} or more" if high == float("inf") else f"between {low:g} and {high:.10g}"
        raise ConfigError(f"{name} is {value}", fix=f"set it {bounds}")


def _known(kind: str, name: str, names: Iterable[str]) -> None:
    known = list(names)
    if name not in known:
        raise ConfigError(f"unknown {kind} {name!r}", fix=f"use one of: {', '.join(known)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextConfig:
    """How text becomes units."""

    unit: Literal["word", "subword", "character"] = "word"
    vocabulary: int = 30_000  # at most so many units, the most frequent ones
    min_frequency: int = 2  # units seen less often are unknown
    lowercase: bool = True
    max_length: int = 512  # units the network reads of a text; what comes after is not read, and explain says so

    def __post_init__(self) -> None:
        _within("text.vocabulary", self.vocabulary, 16, 2**31 - 1)
        _within("text.min_frequency", self.min_frequency, 1, float("inf"))
        _within("text.max_length", self.max_length, 1, 10**6)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingConfig:
    """Units → vectors."""

    dim: int = 128
    dropout: float = 0.3  # of single values
    token_dropout: float = 0.0  # of whole tokens
    start: Literal["random", "cooccurrence"] = "random"  # what the vectors are before training; vectors go before it
    vectors: str | None = None  # a .vec or GloVe text file of pretrained vectors; its width replaces dim
    trainable: bool = True  # False freezes the token embedding (sensible only with vectors)

    def __post_init__(self) -> None:
        _within("model.embedding.dim", self.dim, 1, 4096)
        _within("model.embedding.dropout", self.dropout, 0, 0.95)
        _within("model.embedding.token_dropout", self.token_dropout, 0, 0.95)
        if self.vectors is None and not self.trainable:
            raise ConfigError(
                "model.embedding.trainable is false without pretrained vectors", fix="pass --vectors FILE or train it"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderConfig:
    """Vectors → hidden states."""

    cell: Literal["lstm", "gru"] = "lstm"
    hidden: int = 64  # width of one direction
    layers: int = 1
    bidirectional: bool = True
    dropout: float = 0.2  # between layers
    # What attention weighs. Vectors of units beside their states: "concat" of Tutek & Šnajder 2020.
    output: Literal["states", "states+vectors"] = "states"

    def __post_init__(self) -> None:
        _within("model.encoder.hidden", self.hidden, 1, 4096)
        _within("model.encoder.layers", self.layers, 1, 16)
        _within("model.encoder.dropout", self.dropout, 0, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionConfig:
    """Hidden states → one context: names of the rows of `attnclf.attention.table`."""

    score: str = "temporal"
    alignment: str = "global"
    context: str = "soft"
    window: int = 10  # positions on either side that a local alignment looks at

    def __post_init__(self) -> None:
        # The table is the one list of names; it needs torch, and settings are only built where torch is at hand.
        from attnclf.attention.table import ALIGNMENTS, CONTEXTS, SCORES

        _known("score", self.score, SCORES)
        _known("alignment", self.alignment, ALIGNMENTS)
        _known("context", self.context, CONTEXTS)
        _within("model.attention.window", self.window, 1, float("inf"))
        if "query" in ALIGNMENTS[self.alignment].inputs and "query" not in SCORES[self.score].inputs:
            asking = [name for name, row in SCORES.items() if "query" in row.inputs]
            raise ConfigError(
                f"alignment {self.alignment!r} finds its place from the query, and score {self.score!r} has none",
                fix=f"use a score with a query: {', '.join(asking)}",
            )
        if CONTEXTS[self.context].one_hot and not ALIGNMENTS[self.alignment].one_hot:
            choosing = [name for name, row in ALIGNMENTS.items() if row.one_hot]
            others = [name for name, row in CONTEXTS.items() if not row.one_hot]
            raise ConfigError(
                f"context {self.context!r} takes one value, and alignment {self.alignment!r} weighs several",
                fix=f"use alignment: {', '.join(choosing)}; or context: {', '.join(others)}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderConfig:
    """Hidden states → labels one after the other, with architecture label-decoder."""

    style: Literal["bahdanau", "luong"] = "bahdanau"  # attention before the step or after it
    cell: Literal["lstm", "gru"] = "lstm"  # as wide as the encoder's states
    input_feeding: bool = True  # luong: what a step made of label and text joins the next step's input
    beam: int = 1  # sequences kept at each step of the search; 1: greedy
    order: Literal["frequency", "given"] = "frequency"  # of the labels to learn: most frequent first, or as in the row
    steps: int = 0  # at most so many, labels and the end; 0: what the training row with the most labels takes

    def __post_init__(self) -> None:
        _within("model.decoder.beam", self.beam, 1, 100)
        _within("model.decoder.steps", self.steps, 0, 1000)
        if self.style == "bahdanau" and not self.input_feeding:
            raise ConfigError(
                "model.decoder.input_feeding is false, and in style bahdanau the context is always fed",
                fix="set model.decoder.style=luong, or leave input_feeding out",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedForwardConfig:
    """What holds the weights w and the biases b of the score feed_forward small."""

    w_l1: float = 0.0  # times the sum of |w|, added to the loss
    w_l2: float = 0.0  # times the sum of w², added to the loss
    w_constraint: Constraint = "none"  # after every step
    b_l1: float = 0.0
    b_l2: float = 0.0
    b_constraint: Constraint = "none"
    max_norm: float = 2.0  # the length that max-norm allows

    def __post_init__(self) -> None:
        for name in ("w_l1", "w_l2", "b_l1", "b_l2"):
            _within(f"model.feed_forward.{name}", getattr(self, name), 0, float("inf"))
        _within("model.feed_forward.max_norm", self.max_norm, 1e-6, float("inf"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerConfig:
    """Vectors or hidden states → states that have seen the whole text: self-attention."""

    layers: int = 2
    heads: int = 4  # must divide the width of what comes in
    inner: int = 256  # width of the dense layer inside each layer
    positions: Literal["sinusoidal", "learned", "none"] = "sinusoidal"
    dropout: float = 0.1  # of attention weights, inside the dense layers, and of what a layer adds

    def __post_init__(self) -> None:
        _within("model.transformer.layers", self.layers, 1, 16)
        _within("model.transformer.heads", self.heads, 1, 64)
        _within("model.transformer.inner", self.inner, 1, 16_384)
        _within("model.transformer.dropout", self.dropout, 0, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateConfig:
    """Features of a text → what a gate lets through of them, with architecture feature-gate."""

    form: Literal["sigmoid", "softmax"] = "sigmoid"
    features: int = 0  # at most so many units, those in most of the texts; 0: 5,000, and 2,000 in form softmax
    hidden: int = 128  # sigmoid: width of the hidden layer
    l2: float = 1e-4  # sigmoid: times the sum of the squared weights of the hidden layer, added to the loss
    columns: tuple[str, ...] = ()  # numeric columns of the data that are the features, in place of a text

    def __post_init__(self) -> None:
        # Softmax has features × features weights: 8,192 of them take a quarter of a gigabyte, thrice while learning.
        # And x itself is dense: a batch of thousands of one-word texts must fit into memory.
        _within("model.gate.features", self.features, 0, 8192 if self.form == "softmax" else 32_768)
        _within("model.gate.hidden", self.hidden, 1, 4096)
        _within("model.gate.l2", self.l2, 0, float("inf"))
        if self.form == "softmax" and (self.hidden, self.l2) != (128, 1e-4):
            raise ConfigError(
                "a gate of form softmax has no hidden layer that model.gate.hidden or model.gate.l2 could set",
                fix="leave them out, or set model.gate.form=sigmoid",
            )
        if len(set(self.columns)) < len(self.columns):
            raise ConfigError("model.gate.columns names a column twice", fix="name each column once")
        if self.columns and self.features:
            raise ConfigError(
                "model.gate.features limits the units of a text, and model.gate.columns are the features",
                fix="leave one of the two out",
            )

    @property
    def most(self) -> int:
        """How many features there may be."""
        return self.features or (2_000 if self.form == "softmax" else 5_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class NgramConfig:
    """A linear model over n-grams beside the network."""

    features: int = 0  # at most so many pairs of words, and so many n-grams of characters; 0: no such model
    # C of its logistic regression, the inverse of the regularisation; None: what serves the validation rows better
    strength: float | None = None
    contrast: float = 0.5  # how far features that tell labels apart weigh more from the start, from 0 to 1

    def __post_init__(self) -> None:
        _within("model.ngrams.features", self.features, 0, 2**18)
        if self.strength is not None:
            _within("model.ngrams.strength", self.strength, 1e-6, 1e6)
        _within("model.ngrams.contrast", self.contrast, 0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The network."""

    architecture: Architecture = "temporal"
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    attention: AttentionConfig = field(default_factory=AttentionConfig)
    feed_forward: FeedForwardConfig = field(default_factory=FeedForwardConfig)
    transformer: TransformerConfig = field(default_factory=TransformerConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    ngrams: NgramConfig = field(default_factory=NgramConfig)
    dropout: float = 0.5  # on the context, before the dense layer

    @property
    def width(self) -> int:
        """How wide a state is that attention weighs."""
        if self.architecture == "self-attention":
            return self.embedding.dim
        states = self.encoder.hidden * (2 if self.encoder.bidirectional else 1)
        return states + (self.embedding.dim if self.encoder.output == "states+vectors" else 0)

    def __post_init__(self) -> None:
        _within("model.dropout", self.dropout, 0, 0.95)
        for section, readers in READ_BY.items():
            said = getattr(self, section)
            if self.architecture not in readers and said != type(said)():
                raise ConfigError(
                    f"architecture {self.architecture!r} has nothing that model.{section} could set",
                    fix=f"leave it out, or use architecture: {', '.join(readers)}",
                )
        if self.architecture == "feed-forward":
            self._refuse_other_attention()
        if self.feed_forward != FeedForwardConfig() and self.attention.score != "feed_forward":
            raise ConfigError(
                f"model.feed_forward holds the weights of another score than {self.attention.score!r}",
                fix="leave it out, or set model.attention.score=feed_forward",
            )
        if self.architecture in READ_BY["transformer"]:
            self._refuse_uneven_heads()
        if self.architecture == "label-decoder":
            self._refuse_scores_that_do_not_ask()

    def _refuse_other_attention(self) -> None:
        for name, only in (("score", "feed_forward"), ("alignment", "global")):
            said = getattr(self.attention, name)
            if said != only:
                raise ConfigError(
                    f"architecture 'feed-forward' is the {name} {only!r}, not {said!r}",
                    fix=f"set model.attention.{name}={only}, or use architecture: temporal",
                )

    def _refuse_uneven_heads(self) -> None:
        width, heads = self.width, self.transformer.heads
        if width % heads:
            choices = [str(count) for count in range(1, 65) if width % count == 0]
            raise ConfigError(
                f"model.transformer.heads is {heads}, which does not divide the width {width}",
                fix=f"set it to one of: {', '.join(choices)}",
            )

    def _refuse_scores_that_do_not_ask(self) -> None:
        from attnclf.attention.table import SCORES

        score, style = self.attention.score, self.decoder.style
        asking = [name for name, row in SCORES.items() if "query" in row.inputs]
        choices = ["additive"] if style == "bahdanau" else asking
        if score not in choices:
            other = "; or model.decoder.style=luong" if score in asking else ""
            raise ConfigError(
                f"score {score!r} does not go with a decoder in style {style}",
                fix=f"set model.attention.score to one of: {', '.join(choices)}{other}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionTraining:
    """What training asks of attention beside the right label: how much each of these losses counts; 0: not asked.

    And whether it learns at all.
    """

    rationale: float = 2.0  # distance from what people marked, in rows that have a rationale
    ngrams: float = 0.25  # distance from what n-grams go by, where there are some and no rationales (Zou et al. 2018)
    diversity: float = 0.0  # how alike the states of a text are (Mohankumar et al. 2020)
    tying: float = 0.0  # distance of states from their units' vectors (Tutek & Šnajder 2020)
    smoothness: float = 0.0  # change of the weight from unit to unit (Lei et al. 2016)
    weights: Literal["learned", "frozen", "uniform"] = "learned"  # the others are controls: as they were drawn, or even

    def __post_init__(self) -> None:
        for name in ("rationale", "ngrams", "diversity", "tying", "smoothness"):
            _within(f"training.attention.{name}", getattr(self, name), 0, 1e6)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """The recipe."""

    epochs: int = 8  # at most
    pretraining: int = 12  # at most: passes over all texts, before these, where there are texts without labels; 0: none
    self_training: bool = True  # with texts without labels: learn once more, from them with the labels they were given
    min_steps: int = 400  # a small file gets more epochs, so that this many steps are made
    batch_size: int = 32  # texts of similar length; at most a 64th of the rows, though never below 8
    learning_rate: float = 3e-3
    warmup: float = 0.1  # share of the steps over which the learning rate rises; then it falls linearly
    weight_decay: float = 0.01  # of everything but the embedding tables
    clip: float = 1.0  # largest norm of the gradient, of the tables and of the rest
    patience: int = 4  # epochs without a better validation score before stopping
    label_smoothing: float = 0.0
    word_dropout: float = 0.0  # share of units replaced by the unknown one
    adversarial: float = 0.0  # worst-case step on the embeddings, in mean token norms (Miyato et al. 2017); 0: none
    average: float = 0.0  # decay of the moving average of the weights that is validated and kept; 0: none
    attention: AttentionTraining = field(default_factory=AttentionTraining)
    class_weights: Literal["none", "balanced"] | dict[str, float] = "none"
    valid_fraction: float = 0.1  # of the rows, when no validation file is given
    time_limit: float | None = None  # seconds
    seed: int = 0
    # More threads gain little on a network this small, and lose fiftyfold when anything else wants the cores.
    threads: int = 1  # of each product on a CPU; the result depends on it in the last digits
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"  # auto: bf16 or fp16 on a GPU that has it, else fp32

    def __post_init__(self) -> None:
        _within("training.epochs", self.epochs, 1, float("inf"))
        _within("training.pretraining", self.pretraining, 0, float("inf"))
        _within("training.min_steps", self.min_steps, 0, float("inf"))
        _within("training.batch_size", self.batch_size, 1, float("inf"))
        _within("training.learning_rate", self.learning_rate, 1e-8, 1)
        _within("training.warmup", self.warmup, 0, 1)
        _within("training.weight_decay", self.weight_decay, 0, 10)
        _within("training.clip", self.clip, 1e-6, float("inf"))
        _within("training.patience", self.patience, 1, float("inf"))
        _within("training.label_smoothing", self.label_smoothing, 0, 0.9)
        _within("training.word_dropout", self.word_dropout, 0, 0.9)
        _within("training.adversarial", self.adversarial, 0, 100)
        _within("training.average", self.average, 0, 0.99999)
        _within("training.valid_fraction", self.valid_fraction, 0.01, 0.9)
        if isinstance(self.class_weights, dict):
            for name, weight in self.class_weights.items():
                _within(f"training.class_weights.{name}", weight, 0, 1e6)
        _within("training.seed", self.seed, 0, 2**32 - 1)
        _within("training.threads", self.threads, 1, 1024)
        if self.time_limit is not None:
            _within("training.time_limit", self.time_limit, 1, float("inf"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that decides how a model is made from data."""

    text: TextConfig = field(default_factory=TextConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        if self.training.adversarial and self.model.architecture not in READ_BY["embedding"]:
            raise ConfigError(
                f"training.adversarial moves vectors of units, and architecture {self.model.architecture!r} has none",
                fix=f"leave it out, or use architecture: {', '.join(READ_BY['embedding'])}",
            )
        if self.model.gate.columns and (self.training.word_dropout or self.text != TextConfig()):
            raise ConfigError(
                "with model.gate.columns (--feature-columns) no text is read",
                fix="leave out the settings of text and training.word_dropout",
            )
        self._refuse_what_attention_cannot_give()

    @property
    def learns_rationales(self) -> bool:
        """Whether training can and should draw attention to what people marked, where the data say it."""
        return self._guides and self.training.attention.rationale > 0

    @property
    def learns_from_ngrams(self) -> bool:
        """Whether training can and should draw attention to what the n-grams go by."""
        return self._guides and self.training.attention.ngrams > 0 and self.model.ngrams.features > 0

    @property
    def _guides(self) -> bool:
        """Whether training can say where attention is to go."""
        weighs = self.model.architecture in POOLED and self.model.attention.alignment != "hard"
        return weighs and self.training.attention.weights == "learned"

    @property
    def learns_unlabeled(self) -> bool:
        """Whether texts without labels can teach anything: where the first vectors of units come from texts alone."""
        embedding = self.model.embedding
        readable = self.model.architecture in READ_BY["embedding"]
        return readable and embedding.start == "cooccurrence" and embedding.vectors is None

    def _refuse_what_attention_cannot_give(self) -> None:
        model, asked = self.model, self.training.attention
        names = [name for name in ("diversity", "tying", "smoothness") if getattr(asked, name)]
        if names and model.architecture not in POOLED:
            raise ConfigError(
                f"training.attention.{names[0]} is about states that are pooled, which architecture "
                f"{model.architecture!r} does not do",
                fix=f"leave it out, or use architecture: {', '.join(POOLED)}",
            )
        if asked.weights != "learned" and model.architecture not in POOLED:
            raise ConfigError(
                f"training.attention.weights holds the weights by which states are pooled, and architecture "
                f"{model.architecture!r} does not pool states",
                fix=f"leave it out, or use architecture: {', '.join(POOLED)}",
            )
        if asked.weights == "uniform" and model.attention.alignment not in EVEN:
            raise ConfigError(
                f"alignment {model.attention.alignment!r} gives units different weights even where all score alike",
                fix="with training.attention.weights=uniform, set model.attention.alignment=global",
            )
        if asked.smoothness and model.attention.alignment == "hard":
            raise ConfigError(
                "training.attention.smoothness spreads weight, and alignment 'hard' gives all of it to one unit",
                fix="leave it out, or use another model.attention.alignment",
            )
        if asked.tying and model.encoder.output == "states+vectors":
            raise ConfigError(
                "training.attention.tying draws states to their units' vectors, which stand beside them already",
                fix="leave it out, or set model.encoder.output=states",
            )
        if asked.tying and model.width != model.embedding.dim:
            raise ConfigError(
                f"training.attention.tying compares states of width {model.width} with vectors of width "
                f"{model.embedding.dim}",
                fix=f"set model.embedding.dim={model.width}, or another model.encoder.hidden",
            )

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain values, as saved in the bundle."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Config":
        """Build from nested plain values; an unknown name or a wrong type is a ConfigError that names the choices."""
        return _build(cls, values, "")


def _build(kind: type[T], values: Mapping[str, Any], path: str) -> T:
    hints = get_type_hints(kind)
    for name in values:
        if name not in hints:
            near = difflib.get_close_matches(name, hints, n=1)
            fix = (
                f"did you mean {path}{near[0]}?" if near else f"use one of: {', '.join(path + hint for hint in hints)}"
            )
            raise ConfigError(f"unknown setting {path}{name}", fix=fix)
    return kind(**{name: _convert(hints[name], value, path + name) for name, value in values.items()})


def _convert(hint: Any, value: Any, path: str) -> Any:
    """Return `value` as the type `hint` asks for, or raise a ConfigError that names the setting."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{path} is a section, not a value", fix=f"set one of its settings: {path}.NAME=VALUE")
        return _build(hint, value, path + ".")
    # TOML has whole numbers below 2^63 only, as those who compute with them do; and JSON has no infinity.
    if isinstance(value, int | float) and abs(value) >= 2**63:
        raise ConfigError(f"{path} is {value}", fix="give it a number of at most 18 digits")
    origin, choices = get_origin(hint), get_args(hint)
    if origin is Literal:
        _known(path, value, choices) if isinstance(value, str) else _wrong_type(path, value, " | ".join(choices))
        return value
    if origin in (Union, types.UnionType):
        for choice in choices:
            try:
                return _convert(choice, value, path)
            except ConfigError:
                continue
        return _wrong_type(path, value, " or ".join(_spelled(choice) for choice in choices))
    if origin is dict and isinstance(value, Mapping):
        return {str(key): _convert(choices[1], item, f"{path}.{key}") for key, item in value.items()}
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_convert(choices[0], item, path) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is type(None) and value is None:
        return None
    if isinstance(hint, type) and type(value) is hint:
        return value
    return _wrong_type(path, value, _spelled(hint))


def _spelled(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " | ".join(get_args(hint))
    if get_origin(hint) is tuple:
        return 'a list, such as ["age", "income"]'
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", type(None): "nothing"}
    return names.get(hint, "a table of names and numbers")


def _wrong_type(path: str, value: Any, wanted: str) -> Any:
    raise ConfigError(f"{path} is {value!r}", fix=f"give it {wanted}")


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested mappings laid over each other; later layers win, sections merge."""
    result: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            below = result.get(name)
            result[name] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result


def read_toml(path: Path) -> dict[str, Any]:
    """Return the settings of a TOML file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}", fix="pass a TOML file in UTF-8") from error
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits
        problem = str(error).partition(";")[0]  # what follows is advice to a programmer
        raise ConfigError(f"{path} is not valid TOML: {problem}", fix="correct that line") from error


def parse_assignment(assignment: str) -> dict[str, Any]:
    """Return the nested settings that one `section.key=value` of `--set` means; the value is TOML or a bare word."""
    name, equals, text = assignment.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"--set {assignment!r} has no value", fix="write it as section.key=value")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except (ValueError, RecursionError):
        value = text.strip()
    for key in reversed(name.strip().split(".")):
        value = {key: value}
    return dict(value)
