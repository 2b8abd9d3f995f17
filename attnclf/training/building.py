"""A new network of given settings, and what the data decides of them: widths, features, steps."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from attnclf.catalog import ARCHITECTURES
from attnclf.config import Config
from attnclf.data.columns import quoted
from attnclf.errors import ConfigError, DataError
from attnclf.model.feature_gate import FeatureGate
from attnclf.model.features import Standardised, TfIdf, frequent_units
from attnclf.text.numbers import NumberReader
from attnclf.text.tokenizer import Tokenizer
from attnclf.text.vectors import read_vectors
from attnclf.training.examples import Examples

LARGEST = 1_900_000_000  # bytes: protobuf ends at 2 GiB, and the tables of the n-grams come on top


def build(
    config: Config,
    tokenizer: Tokenizer | NumberReader,
    labels: int,
    say: Callable[[str], None],
    sequences: NDArray[np.int64] | None = None,
) -> tuple[nn.Module, Config]:
    """Return a new network, and the settings with what the data decided: width of vectors, steps of the decoder."""
    embedding = config.model.embedding
    vectors = None
    if embedding.vectors is not None:
        vectors, found = read_vectors(Path(embedding.vectors), tokenizer.tokens)
        embedding = dataclasses.replace(embedding, dim=vectors.shape[1])
        say(f"{embedding.vectors}: vectors of width {embedding.dim} for {found.sum():,} of {tokenizer.size:,} tokens")
        config = dataclasses.replace(config, model=dataclasses.replace(config.model, embedding=embedding))
    if sequences is not None and not config.model.decoder.steps:
        decoder = dataclasses.replace(config.model.decoder, steps=sequences.shape[1])
        config = dataclasses.replace(config, model=dataclasses.replace(config.model, decoder=decoder))
    architecture = ARCHITECTURES[config.model.architecture]
    network = architecture.build(config.model, tokenizer.size, labels, config.text.max_length)
    if vectors is not None:
        table = network.get_parameter("embedding.weight")
        with torch.no_grad():
            table[torch.from_numpy(found)] = torch.from_numpy(vectors[found])
        table.requires_grad_(embedding.trainable)
    if config.training.attention.weights != "learned":
        freeze_attention(network.get_submodule("pooling"), config.training.attention.weights)
    return network, config


def freeze_attention(pooling: nn.Module, weights: Literal["frozen", "uniform"]) -> None:
    """Keep query, score and alignment from being trained, so that attention carries no knowledge; all else is trained.

    There are two controls. "uniform" sets their parameters to 0: every token has the same weight (Wiegreffe & Pinter
    2019, section 3.2). The other, "frozen", leaves them random, never trained (after section 4.3 there).
    """
    pooling.requires_grad_(False)
    if weights == "uniform":
        with torch.no_grad():
            for parameter in pooling.parameters():
                parameter.zero_()


def refuse_too_large(network: nn.Module) -> None:
    """Raise ConfigError for a network that no ONNX file can hold, before it has learned anything."""
    size = sum(table.numel() * table.element_size() for table in network.state_dict().values())
    if size > LARGEST:
        raise ConfigError(
            f"the network has {size / 1e9:.1f} GB of weights, and an ONNX file holds {LARGEST / 1e9:.1f} at most",
            fix="lower text.vocabulary, model.embedding.dim or model.encoder.hidden, or have fewer labels",
        )


def build_gate(
    config: Config, vocabulary: int, labels: int, say: Callable[[str], None], examples: Examples
) -> tuple[nn.Module, Config]:
    """Return a new feature gate over columns or the most frequent tokens, and the settings with their number."""
    tokens, gate = examples.tokens, config.model.gate
    if gate.columns:
        network, rows = FeatureGate(config.model, vocabulary, labels), tokens.ids.reshape(len(tokens), -1)
        network.embedding = Standardised.over(rows)
        still = [name for name, varies in zip(gate.columns, Standardised.varying(rows), strict=True) if not varies]
        if still:
            say(f"Warning: these columns have one value in all rows (in 32 bits) and are useless: {quoted(still)}")
        say(f"A gate of form {gate.form} over the columns {', '.join(gate.columns)}")
        return network, config
    features, idf = frequent_units(tokens.ids, tokens.offsets, vocabulary, gate.most)
    if not len(features):
        raise DataError("no token of these texts is a known one", fix="lower it: --set text.min_frequency=1")
    config = dataclasses.replace(
        config, model=dataclasses.replace(config.model, gate=dataclasses.replace(gate, features=len(features)))
    )
    network = FeatureGate(config.model, vocabulary, labels)
    network.embedding = TfIdf.over(features, idf, vocabulary)
    say(f"A gate of form {gate.form} over {len(features):,} tokens (--set model.gate.features=N)")
    return network, config
