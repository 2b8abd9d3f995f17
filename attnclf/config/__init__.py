"""Settings: frozen dataclasses that refuse nonsense when built, read from TOML and `--set`, saved as JSON."""

from attnclf.config.decode import merged
from attnclf.config.loading import parse_assignment, read_toml
from attnclf.config.schema import Config, ModelConfig
from attnclf.config.sections import (
    AttentionConfig,
    AttentionTraining,
    DecoderConfig,
    EmbeddingConfig,
    EncoderConfig,
    FeedForwardConfig,
    GateConfig,
    NgramConfig,
    TextConfig,
    TrainingConfig,
    TransformerConfig,
)

__all__ = [
    "AttentionConfig",
    "AttentionTraining",
    "Config",
    "DecoderConfig",
    "EmbeddingConfig",
    "EncoderConfig",
    "FeedForwardConfig",
    "GateConfig",
    "ModelConfig",
    "NgramConfig",
    "TextConfig",
    "TrainingConfig",
    "TransformerConfig",
    "merged",
    "parse_assignment",
    "read_toml",
]
