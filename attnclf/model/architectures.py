"""The table from the names of whole networks to what builds them: adding one is a builder and a row."""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import nn

from attnclf.config import ModelConfig
from attnclf.model.encoder import Encoder
from attnclf.model.feature_gate import FeatureGate
from attnclf.model.label_decoder import LabelDecoder
from attnclf.model.pooled import PooledClassifier
from attnclf.model.transformer import RecurrentSelfAttention, SelfAttention

# What explain draws: words of the text, heads × words × words, labels × words, or features.
Pictures = Literal["highlight", "heads", "labels", "features"]


class Architecture(NamedTuple):
    """How to build a network from its settings and the numbers of units, labels, and units read of a text.

    Every network has `embedding(ids)` → vectors, `classify(vectors, lengths)` → `Output`, and `forward`,
    which is one after the other. A `sequential` network emits labels one after the other, and has `teach(vectors,
    lengths, sequences)` → logits of each next label.
    """

    build: Callable[[ModelConfig, int, int, int], nn.Module]
    formula: str
    source: str
    pictures: Pictures
    sequential: bool = False


def temporal(config: ModelConfig, vocabulary: int, labels: int, max_length: int) -> PooledClassifier:
    """Return the main network: a recurrent encoder whose states are pooled."""
    return PooledClassifier(config, Encoder(config.encoder, config.embedding.dim), vocabulary, labels, max_length)


def self_attention(config: ModelConfig, vocabulary: int, labels: int, max_length: int) -> PooledClassifier:
    """Return the network without recurrence; embedded units are scaled up to the size of the positions."""
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
    """Return the network that weighs the features of a text, whatever their order."""
    return FeatureGate(config, vocabulary, labels)


ARCHITECTURES: dict[str, Architecture] = {
    "temporal": Architecture(
        build=temporal,
        formula="embedding → recurrent states h_t → Σ a_t h_t → dense",
        source="Raffel & Ellis 2016; Yang et al. 2016, sec. 2.2",
        pictures="highlight",
    ),
    "feed-forward": Architecture(
        build=temporal,
        formula="temporal with e_t = tanh(w·h_t + b_t), a bias for each position",
        source="Raffel & Ellis 2016, eq. 1",
        pictures="highlight",
    ),
    "self-attention": Architecture(
        build=self_attention,
        formula="embedding + positions → heads of softmax(Q Kᵀ / √d) V → Σ a_t h_t → dense",
        source="Vaswani et al. 2017, sec. 3.1",
        pictures="heads",
    ),
    "recurrent-self-attention": Architecture(
        build=recurrent_self_attention,
        formula="embedding → recurrent states → heads of softmax(Q Kᵀ / √d) V → Σ a_t h_t → dense",
        source="Vaswani et al. 2017, sec. 3.1, over recurrent states",
        pictures="heads",
    ),
    "label-decoder": Architecture(
        build=label_decoder,
        formula="embedding → recurrent states h_t → decoder: start → label → label → end, Σ a_t h_t at each step",
        source="Yang et al. 2018; Bahdanau et al. 2015; Luong et al. 2015",
        pictures="labels",
        sequential=True,
    ),
    "feature-gate": Architecture(
        build=feature_gate,
        formula="TF-IDF x → x ⊙ softmax(W x + b), or h = relu(V x + c), h ⊙ σ(W h + b) → dense",
        source="dense attention; Dauphin et al. 2017, eq. 1",
        pictures="features",
    ),
}
