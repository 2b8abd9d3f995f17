"""The builders of whole networks, which `attnclf.catalog` names."""

import math

from attnclf.config import ModelConfig
from attnclf.model.encoder import Encoder
from attnclf.model.feature_gate import FeatureGate
from attnclf.model.label_decoder import LabelDecoder
from attnclf.model.pooled import PooledClassifier
from attnclf.model.transformer import RecurrentSelfAttention, SelfAttention


def temporal(config: ModelConfig, vocabulary: int, labels: int, max_length: int) -> PooledClassifier:
    """Return the main network: a recurrent encoder whose states are pooled."""
    return PooledClassifier(config, Encoder(config.encoder, config.embedding.dim), vocabulary, labels, max_length)


def self_attention(config: ModelConfig, vocabulary: int, labels: int, max_length: int) -> PooledClassifier:
    """Return the network without recurrence; embedded tokens are scaled up to the size of the positions."""
    dim = config.embedding.dim
    encoder = SelfAttention(config.transformer, dim, max_length, scale=math.sqrt(dim))
    return PooledClassifier(config, encoder, vocabulary, labels, max_length)


def recurrent_self_attention(config: ModelConfig, vocabulary: int, labels: int, max_length: int) -> PooledClassifier:
    """Return the network whose recurrent states attend to each other before they are pooled."""
    states = Encoder(config.encoder, config.embedding.dim)
    attending = SelfAttention(config.transformer, states.out_dim, max_length, scale=1.0)
    return PooledClassifier(config, RecurrentSelfAttention(states, attending), vocabulary, labels, max_length)


def label_decoder(config: ModelConfig, vocabulary: int, labels: int, max_length: int) -> LabelDecoder:
    """Return the network that emits labels one after the other."""
    return LabelDecoder(config, Encoder(config.encoder, config.embedding.dim), vocabulary, labels, max_length)


def feature_gate(config: ModelConfig, vocabulary: int, labels: int, max_length: int) -> FeatureGate:
    """Return the network that gates the features of a text, in any order."""
    return FeatureGate(config, vocabulary, labels)
