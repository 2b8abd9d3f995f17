"""The sections of the settings: each field carries its type, default, range and help."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from attnclf.catalog import ALIGNMENTS, CONTEXTS, SCORES
from attnclf.config.fields import Section, refuse_out_of_range, refuse_unknown, section, setting
from attnclf.errors import ConfigError

Cell = Literal["lstm", "gru"]
Constraint = Literal["none", "max-norm", "unit-norm", "non-negative"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextConfig(Section):
    """How text becomes tokens."""

    path: ClassVar[str] = "text."

    unit: Literal["word", "subword", "character"] = setting(
        "word",
        "What a token is. With `word`, every Chinese character and every punctuation mark is a token of its own.",
    )
    vocabulary: int = setting(
        30_000, "Maximum size of the vocabulary: the most frequent tokens.", low=16, high=2**31 - 1
    )
    min_frequency: int = setting(2, "Tokens that are rarer than this in training are unknown.", low=1)
    lowercase: bool = setting(True, "Lower-case the text before it is tokenized.")
    max_length: int = setting(
        512, "Maximum number of tokens read of a text. The rest is not read; `explain` reports that.", low=1, high=10**6
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingConfig(Section):
    """Tokens → vectors."""

    path: ClassVar[str] = "model.embedding."

    dim: int = setting(128, "Width of a token's vector.", low=1, high=4096)
    dropout: float = setting(0.3, "Dropout of single values of the vectors.", low=0, high=0.95)
    token_dropout: float = setting(0.0, "Dropout of whole vectors.", low=0, high=0.95)
    start: Literal["random", "cooccurrence"] = setting(
        "random",
        "Vectors before training: random, or by co-occurrence, so that words with similar neighbours are similar.",
    )
    vectors: str | None = setting(
        None,
        "Pretrained vectors in text form (`.vec`, GloVe, also `.gz`). Their width replaces `dim`. Same as `--vectors`.",
        kind="file name",
    )
    trainable: bool = setting(True, "`false` freezes the token vectors; it needs `vectors`.")

    def check(self) -> None:
        """Refuse vectors that are neither given nor trained."""
        if self.vectors is None and not self.trainable:
            raise ConfigError(
                "model.embedding.trainable is false without pretrained vectors", fix="pass --vectors FILE or train it"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderConfig(Section):
    """Vectors → hidden states."""

    path: ClassVar[str] = "model.encoder."

    cell: Cell = setting("lstm", "The recurrent cell.")
    hidden: int = setting(64, "Width of one direction.", low=1, high=4096)
    layers: int = setting(1, "Number of recurrent layers.", low=1, high=16)
    bidirectional: bool = setting(True, "Read the text in both directions.")
    dropout: float = setting(0.2, "Dropout between layers.", low=0, high=0.95)
    output: Literal["states", "states+vectors"] = setting(
        "states",
        "What attention reads: hidden states, or hidden states concatenated with their token's vector "
        "([why](measurements/explanations.md#entmax-and-token-vectors)).",
    )  # "concat" of Tutek & Šnajder 2020


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionConfig(Section):
    """Hidden states → one context, by names of `attnclf.catalog`."""

    path: ClassVar[str] = "model.attention."

    score: str = setting("temporal", "How a position is scored.", kind="a [score](attention.md#scores)")
    alignment: str = setting("global", "How scores become weights.", kind="an [alignment](attention.md#alignments)")
    context: str = setting(
        "soft", "How weights and states become one vector.", kind="a [context](attention.md#contexts)"
    )
    window: int = setting(10, "Positions on either side that the alignments `local-m` and `local-p` read.", low=1)

    def check(self) -> None:
        """Refuse unknown names, and names that do not go together."""
        refuse_unknown("score", self.score, SCORES)
        refuse_unknown("alignment", self.alignment, ALIGNMENTS)
        refuse_unknown("context", self.context, CONTEXTS)
        if "query" in ALIGNMENTS[self.alignment].inputs and self.score not in with_query():
            raise ConfigError(
                f"alignment {self.alignment!r} predicts its position from the query, and score {self.score!r} has none",
                fix=f"use a score with a query: {', '.join(with_query())}",
            )
        if CONTEXTS[self.context].one_hot and not ALIGNMENTS[self.alignment].one_hot:
            choosing = [name for name, row in ALIGNMENTS.items() if row.one_hot]
            others = [name for name, row in CONTEXTS.items() if not row.one_hot]
            raise ConfigError(
                f"context {self.context!r} takes one value, and alignment {self.alignment!r} weighs several",
                fix=f"use alignment: {', '.join(choosing)}; or context: {', '.join(others)}",
            )


def with_query() -> list[str]:
    """Return the scores that have a query."""
    return [name for name, row in SCORES.items() if "query" in row.inputs]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderConfig(Section):
    """Hidden states → labels one after the other, with architecture label-decoder."""

    path: ClassVar[str] = "model.decoder."

    style: Literal["bahdanau", "luong"] = setting(
        "bahdanau",
        "`label-decoder` only ([more](attention.md#labels-one-after-the-other)): attention before each step, or "
        "after it.",
    )
    cell: Cell = setting("lstm", "The decoder's recurrent cell, as wide as the encoder's states.")
    input_feeding: bool = setting(
        True, "With `luong`: the attentional vector of a step is part of the next step's input."
    )
    beam: int = setting(1, "Beam size of the search; 1 is greedy.", low=1, high=100)
    order: Literal["frequency", "given"] = setting(
        "frequency", "Order of the labels in training: the most frequent first, or the order of the rows."
    )
    steps: int = setting(
        0,
        "Maximum number of steps: one for each label and one for the end. 0: as many as the training row with the"
        " most labels needs.",
        low=0,
        high=1000,
    )

    def check(self) -> None:
        """Refuse a choice that only the other style has."""
        if self.style == "bahdanau" and not self.input_feeding:
            raise ConfigError(
                "model.decoder.input_feeding is false, and in style bahdanau the context is always fed",
                fix="set model.decoder.style=luong, or leave input_feeding out",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedForwardConfig(Section):
    """Regularizers and constraints of the weights w and the biases b of score feed_forward."""

    path: ClassVar[str] = "model.feed_forward."

    w_l1: float = setting(
        0.0, "Score `feed_forward` only: this times the sum of the absolute `w` is added to the loss.", low=0
    )
    w_l2: float = setting(0.0, "This times the sum of `w²` is added to the loss.", low=0)
    w_constraint: Constraint = setting("none", "Constraint on `w` after every step.")
    b_l1: float = setting(0.0, "The same for the biases of the positions.", low=0)
    b_l2: float = setting(0.0, "The same for the biases of the positions.", low=0)
    b_constraint: Constraint = setting("none", "The same for the biases of the positions.")
    max_norm: float = setting(2.0, "Maximum norm under `max-norm`.", low=1e-6)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerConfig(Section):
    """Vectors or hidden states → states that attend to the whole text: self-attention."""

    path: ClassVar[str] = "model.transformer."

    layers: int = setting(
        2, "`self-attention` and `recurrent-self-attention` only: number of self-attention layers.", low=1, high=16
    )
    heads: int = setting(4, "Number of attention heads; must divide the width of the input.", low=1, high=64)
    inner: int = setting(256, "Width of the dense layer inside each layer.", low=1, high=16_384)
    positions: Literal["sinusoidal", "learned", "none"] = setting("sinusoidal", "Position encoding.")
    dropout: float = setting(
        0.1, "Dropout of attention weights, inside the dense layers, and of the output of each layer.", low=0, high=0.95
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GateConfig(Section):
    """Features of a text → what a gate lets through of them, with architecture feature-gate."""

    path: ClassVar[str] = "model.gate."

    form: Literal["sigmoid", "softmax"] = setting(
        "sigmoid",
        "`feature-gate` only ([more](attention.md#attention-over-features)): gates on a hidden layer, or on the "
        "features themselves.",
    )
    # A batch of features is dense: thousands of one-word texts must fit into memory.
    features: int = setting(
        0,
        "Maximum number of features: the tokens that occur in most texts. 0: 5,000, and 2,000 with `softmax`.",
        low=0,
        high=32_768,
        kind="0 to 32768; `softmax`: to 8192",
    )
    hidden: int = setting(128, "With `sigmoid`: width of the hidden layer.", low=1, high=4096)
    l2: float = setting(
        1e-4,
        "With `sigmoid`: this times the sum of the squared weights of the hidden layer is added to the loss.",
        low=0,
    )
    columns: tuple[str, ...] = setting(
        (), 'Numeric columns that replace the text, such as `["age", "income"]`. Same as `--feature-columns`.'
    )

    def check(self) -> None:
        """Refuse settings of the other form, and features that are named twice or in two ways."""
        if self.form == "softmax":
            # It has features × features weights: 8,192 take a quarter of a gigabyte, three times that in training.
            refuse_out_of_range("model.gate.features", self.features, 0, 8192)
            if (self.hidden, self.l2) != (128, 1e-4):
                raise ConfigError(
                    "a gate of form softmax has no hidden layer that model.gate.hidden or model.gate.l2 could set",
                    fix="leave them out, or set model.gate.form=sigmoid",
                )
        if len(set(self.columns)) < len(self.columns):
            raise ConfigError("model.gate.columns names a column twice", fix="name each column once")
        if self.columns and self.features:
            raise ConfigError(
                "model.gate.features limits the tokens of a text, and model.gate.columns are the features",
                fix="leave one of the two out",
            )

    @property
    def most(self) -> int:
        """The maximum number of features."""
        return self.features or (2_000 if self.form == "softmax" else 5_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class NgramConfig(Section):
    """A linear model over n-grams whose logits are added to those of the network."""

    path: ClassVar[str] = "model.ngrams."

    features: int = setting(
        0,
        "Maximum number of word pairs, and of character n-grams, in the [linear model](recipe.md#the-linear-"
        "model) that is added to the network; 0: no such model.",
        low=0,
        high=2**18,
    )
    strength: float | None = setting(
        None,
        "C of its logistic regression, the inverse of the regularisation. Not set: 1 or 10, whichever makes the "
        "validation rows more likely.",
        low=1e-6,
        high=1e6,
    )
    contrast: float = setting(
        0.5, "How much features that separate labels are scaled up before training.", low=0, high=1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionTraining(Section):
    """Losses of attention that are added to that of the labels, by weight (0: none), and whether attention learns."""

    path: ClassVar[str] = "training.attention."

    rationale: float = setting(
        2.0,
        "Weight of the loss that pulls attention to the [evidence](data.md#rationales) that people marked, in "
        "rows that have some; 0: evidence is not read.",
        low=0,
        high=1e6,
    )
    ngrams: float = setting(
        0.25,
        "Weight of the loss that pulls attention to the words by which the "
        "[n-grams](measurements/explanations.md#attention-guided-by-n-grams) recognise the right "
        "label. It needs n-grams, and rows without marked evidence.",
        low=0,
        high=1e6,
    )  # after Zou et al. 2018
    diversity: float = setting(
        0.0,
        "Weight of the conicity of the states in the loss, so that the states of a text "
        "[differ](explaining.md#training-for-attention-that-people-believe).",
        low=0,
        high=1e6,
    )  # Mohankumar et al. 2020
    tying: float = setting(
        0.0,
        "Weight of the squared distance between states and their tokens' vectors in the loss. Both must have the "
        "same width, and must not be concatenated.",
        low=0,
        high=1e6,
    )  # Tutek & Šnajder 2020
    smoothness: float = setting(
        0.0,
        "Weight of the differences between neighbouring attention weights in the loss, so that highlights are "
        "contiguous.",
        low=0,
        high=1e6,
    )  # Lei et al. 2016
    weights: Literal["learned", "frozen", "uniform"] = setting(
        "learned",
        "`frozen` (random, never trained) and `uniform` (equal weights) are [controls](explaining.md#what-"
        "attention-earns), not better models.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig(Section):
    """The recipe."""

    path: ClassVar[str] = "training."

    epochs: int = setting(8, "Maximum number of passes over the rows.", low=1)
    pretraining: int = setting(
        12,
        "Maximum number of passes of language-model pretraining on texts without labels (`--unlabeled`); 0: no "
        "pretraining.",
        low=0,
    )
    self_training: bool = setting(
        True,
        "Pseudo-label the texts without labels, train again on [both](recipe.md#texts-without-labels), and keep "
        "the better training.",
    )
    min_steps: int = setting(400, "A small file gets more epochs until this number of steps is planned.", low=0)
    batch_size: int = setting(
        32, "Texts in a step, of similar length; at most a 64th of the rows, but at least 8.", low=1
    )
    learning_rate: float = setting(3e-3, "Maximum learning rate.", low=1e-8, high=1)
    warmup: float = setting(
        0.1, "Share of the steps in which the learning rate rises; then it falls linearly.", low=0, high=1
    )
    weight_decay: float = setting(0.01, "Weight decay of everything except the embedding tables.", low=0, high=10)
    clip: float = setting(
        1.0, "Maximum norm of the gradient; embedding tables and the rest are clipped separately.", low=1e-6
    )
    patience: int = setting(4, "Epochs without a better validation score before training stops.", low=1)
    label_smoothing: float = setting(0.0, "Share of the target that is spread over all labels.", low=0, high=0.9)
    word_dropout: float = setting(0.0, "Share of tokens that are replaced by the unknown token.", low=0, high=0.9)
    adversarial: float = setting(
        0.0,
        "Size of the adversarial perturbation of the vectors ([step 7](recipe.md#the-steps)); 0: none.",
        low=0,
        high=100,
    )  # Miyato et al. 2017
    average: float = setting(
        0.0, "Decay of the moving average of the weights, which is validated and kept; 0: none.", low=0, high=0.99999
    )
    attention: AttentionTraining = section(AttentionTraining)
    class_weights: Literal["none", "balanced"] | dict[str, float] = setting(
        "none",
        "Weight of the rows of each label.",
        low=0,
        high=1e6,
        kind="`none`, `balanced`, or a table of label and number",
    )
    valid_fraction: float = setting(
        0.1, "Share of the rows that is set aside for validation without `--valid`.", low=0.01, high=0.9
    )
    time_limit: float | None = setting(
        None, "Stop training after this time. Same as `--time-limit`.", low=1, kind="seconds, from 1"
    )
    seed: int = setting(
        0, "Seed of split, order, initial weights and dropout. Same as `--seed`.", low=0, high=2**32 - 1
    )
    threads: int = setting(
        1,
        "Threads for each product on a CPU. With 1, each direction of a recurrent layer has its own core. More "
        "threads gain little on a small network, and lose much on a busy machine.",
        low=1,
        high=1024,
    )  # the result depends on it in the last digits
    precision: Literal["auto", "fp32", "bf16", "fp16"] = setting(
        "auto", "Number format in training. `auto`: bf16 or fp16 on a GPU, fp32 on the CPU."
    )
