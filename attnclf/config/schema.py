"""The settings as a whole: `Config`, its sections, and the rules between them."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from attnclf.catalog import ALIGNMENTS, ARCHITECTURES, pooling, reading
from attnclf.config.decode import build
from attnclf.config.fields import Section, refuse_unknown, section, setting
from attnclf.config.sections import (
    AttentionConfig,
    DecoderConfig,
    EmbeddingConfig,
    EncoderConfig,
    FeedForwardConfig,
    GateConfig,
    NgramConfig,
    TextConfig,
    TrainingConfig,
    TransformerConfig,
    with_query,
)
from attnclf.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig(Section):
    """The network."""

    path: ClassVar[str] = "model."

    architecture: str = setting(
        "temporal", "The whole network, see [attention](attention.md). Same as `--architecture`."
    )
    embedding: EmbeddingConfig = section(EmbeddingConfig)
    encoder: EncoderConfig = section(EncoderConfig)
    attention: AttentionConfig = section(AttentionConfig)
    feed_forward: FeedForwardConfig = section(FeedForwardConfig)
    transformer: TransformerConfig = section(TransformerConfig)
    decoder: DecoderConfig = section(DecoderConfig)
    gate: GateConfig = section(GateConfig)
    ngrams: NgramConfig = section(NgramConfig)
    dropout: float = setting(0.5, "Dropout on the context, before the dense layer.", low=0, high=0.95)

    @property
    def width(self) -> int:
        """The width of a state that attention weights."""
        if self.architecture == "self-attention":
            return self.embedding.dim
        states = self.encoder.hidden * (2 if self.encoder.bidirectional else 1)
        return states + (self.embedding.dim if self.encoder.output == "states+vectors" else 0)

    def reads(self, section: str) -> bool:
        """Whether the architecture uses a section of these settings."""
        return section in ARCHITECTURES[self.architecture].reads

    def check(self) -> None:
        """Refuse what the architecture does not use, and settings that do not go together."""
        refuse_unknown("architecture", self.architecture, ARCHITECTURES)
        for name in dict.fromkeys(name for row in ARCHITECTURES.values() for name in row.reads):
            value = getattr(self, name)
            if not self.reads(name) and value != type(value)():
                raise ConfigError(
                    f"architecture {self.architecture!r} has nothing that model.{name} could set",
                    fix=f"leave it out, or use architecture: {', '.join(reading(name))}",
                )
        if self.architecture == "feed-forward":
            self._refuse_other_attention()
        if self.feed_forward != FeedForwardConfig() and self.attention.score != "feed_forward":
            raise ConfigError(
                f"model.feed_forward is about the weights of another score than {self.attention.score!r}",
                fix="leave it out, or set model.attention.score=feed_forward",
            )
        if self.reads("transformer"):
            self._refuse_uneven_heads()
        if self.reads("decoder"):
            self._refuse_scores_without_query()

    def _refuse_other_attention(self) -> None:
        for name, only in (("score", "feed_forward"), ("alignment", "global")):
            value = getattr(self.attention, name)
            if value != only:
                raise ConfigError(
                    f"architecture 'feed-forward' is the {name} {only!r}, not {value!r}",
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

    def _refuse_scores_without_query(self) -> None:
        score, style = self.attention.score, self.decoder.style
        choices = ["additive"] if style == "bahdanau" else with_query()
        if score not in choices:
            other = "; or model.decoder.style=luong" if score in with_query() else ""
            raise ConfigError(
                f"score {score!r} does not go with a decoder in style {style}",
                fix=f"set model.attention.score to one of: {', '.join(choices)}{other}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(Section):
    """Everything that decides how a model is made from data."""

    path: ClassVar[str] = ""

    text: TextConfig = section(TextConfig)
    model: ModelConfig = section(ModelConfig)
    training: TrainingConfig = section(TrainingConfig)

    def check(self) -> None:
        """Refuse settings of different sections that do not go together."""
        if self.training.adversarial and not self.model.reads("embedding"):
            raise ConfigError(
                f"training.adversarial moves vectors of tokens, and architecture {self.model.architecture!r} has none",
                fix=f"leave it out, or use architecture: {', '.join(reading('embedding'))}",
            )
        if self.model.gate.columns and (self.training.word_dropout or self.text != TextConfig()):
            raise ConfigError(
                "with model.gate.columns (--feature-columns) no text is read",
                fix="leave out the settings of text and training.word_dropout",
            )
        self._refuse_impossible_attention()

    @property
    def learns_rationales(self) -> bool:
        """Whether training pulls attention to the evidence that people marked, if the data have some."""
        return self._guides and self.training.attention.rationale > 0

    @property
    def learns_from_ngrams(self) -> bool:
        """Whether training pulls attention to the words by which the n-grams decide."""
        return self._guides and self.training.attention.ngrams > 0 and self.model.ngrams.features > 0

    @property
    def _guides(self) -> bool:
        """Whether training can guide attention."""
        weighs = self._pools and self.model.attention.alignment != "hard"
        return weighs and self.training.attention.weights == "learned"

    @property
    def learns_unlabeled(self) -> bool:
        """Whether training learns from texts without labels: the first vectors of tokens must come from texts alone."""
        embedding = self.model.embedding
        readable = self.model.reads("embedding")
        return readable and embedding.start == "cooccurrence" and embedding.vectors is None

    @property
    def _pools(self) -> bool:
        return ARCHITECTURES[self.model.architecture].pools

    def _refuse_impossible_attention(self) -> None:
        model, asked = self.model, self.training.attention
        names = [name for name in ("diversity", "tying", "smoothness") if getattr(asked, name)]
        if names and not self._pools:
            raise ConfigError(
                f"training.attention.{names[0]} is about states that are pooled, which architecture "
                f"{model.architecture!r} does not do",
                fix=f"leave it out, or use architecture: {', '.join(pooling())}",
            )
        if asked.weights != "learned" and not self._pools:
            raise ConfigError(
                f"training.attention.weights is about the weights that pool states, and architecture "
                f"{model.architecture!r} does not pool states",
                fix=f"leave it out, or use architecture: {', '.join(pooling())}",
            )
        if asked.weights == "uniform" and not ALIGNMENTS[model.attention.alignment].even:
            raise ConfigError(
                f"alignment {model.attention.alignment!r} gives tokens different weights even if all scores are equal",
                fix="with training.attention.weights=uniform, set model.attention.alignment=global",
            )
        if asked.smoothness and model.attention.alignment == "hard":
            raise ConfigError(
                "training.attention.smoothness spreads weight, and alignment 'hard' gives all of it to one token",
                fix="leave it out, or use another model.attention.alignment",
            )
        if asked.tying and model.encoder.output == "states+vectors":
            raise ConfigError(
                "training.attention.tying pulls states to vectors of tokens that are concatenated with them already",
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
        return build(cls, values, "")
