"""From rows to what a network is trained on: arrays, the new network, and linear models over n-grams."""

import dataclasses
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attnclf.config import Config
from attnclf.data.corpus import Corpus
from attnclf.data.labels import LabelSet
from attnclf.errors import ConfigError
from attnclf.model.ngrams import NgramLinear
from attnclf.text.ragged import Ragged
from attnclf.text.tokenizer import Tokenizer
from attnclf.training import ngrams
from attnclf.training.building import build, build_gate, refuse_too_large
from attnclf.training.context import TrainingContext
from attnclf.training.evidence import marked_tokens, ngram_evidence
from attnclf.training.examples import Examples, label_sequences

T = TypeVar("T")

NGRAMS = 0.4  # share of the time left that may go into n-grams


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedData:
    """What a network is trained on and validated with, and the network, which is new.

    `config` has what the data decided: width of vectors, steps of a decoder, features. `label_weights` is float32
    (labels,). `linears` are the linear models over n-grams by the C of their regression, once they are trained.
    `pretrained` are the weights that another training of the same network begins with; empty where none follows.
    """

    config: Config
    examples: Examples
    validation: Examples
    network: nn.Module
    label_weights: NDArray[np.float32]
    linears: Mapping[float, NgramLinear] = field(default_factory=dict)
    pretrained: Mapping[str, Tensor] = field(default_factory=dict)


def prepare(context: TrainingContext, train: Corpus, valid: Corpus, pseudo_labels: int = 0) -> PreparedData:
    """Encode the rows, the last of them with `pseudo_labels`, and make a new network for them.

    The network is the same at every call, except for what the rows decide. Raises ConfigError for settings that do not
    fit the labels or the vectors.
    """
    torch.manual_seed(context.config.training.seed)
    tokenizer, labels = context.tokenizer, context.labels
    examples, validation = (
        Examples.of(part, tokenizer, labels, char_ngrams=context.reads_ngrams) for part in (train, valid)
    )
    examples = dataclasses.replace(examples, pseudo_labels=pseudo_labels)
    if context.sequential:
        frequency = Counter(name for names in train.label_lists for name in names)
        order = context.config.model.decoder.order
        examples, validation = (
            dataclasses.replace(part, sequences=label_sequences(corpus.label_lists, labels, order, frequency))
            for part, corpus in ((examples, train), (validation, valid))
        )
    if train.rationales is not None and isinstance(tokenizer, Tokenizer):
        examples = dataclasses.replace(examples, evidence=marked_tokens(train, tokenizer, examples.tokens))
    weights = label_weights(context.config, labels, examples)
    if context.config.model.architecture == "feature-gate":
        network, config = build_gate(context.config, tokenizer.size, len(labels), context.say, examples)
    else:
        network, config = build(context.config, tokenizer, len(labels), context.say, examples.sequences)
    refuse_too_large(network)
    return PreparedData(
        config=config,
        examples=examples,
        validation=validation,
        network=network,
        label_weights=weights,
    )


def fingerprint(context: TrainingContext, data: PreparedData) -> str:
    """Return a digest of everything that decides the course of training, so that --resume never mixes two runs."""
    settings = data.config.to_dict()
    settings["training"].pop("time_limit")  # a resumed run may be given more time
    tokens = context.tokenizer.tokens if isinstance(context.tokenizer, Tokenizer) else []
    unknown = [list(part.unknown or ()) for part in (data.examples, data.validation)]
    digest = hashlib.sha256(json.dumps([settings, context.labels.names, tokens, unknown], sort_keys=True).encode())
    if context.config.model.embedding.vectors is not None:
        digest.update(data.network.get_parameter("embedding.weight").detach().numpy().data)
    for part in (data.examples, data.validation):
        evidence = None if part.evidence is None else part.evidence.ids
        for array in (part.tokens.ids, part.tokens.offsets, part.targets, part.weights, part.sequences, evidence):
            if array is not None:
                digest.update(np.ascontiguousarray(array).data)
    for text in context.unlabeled:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


def add_ngrams(context: TrainingContext, data: PreparedData, time_limit: float | None) -> PreparedData:
    """Train the linear models over n-grams, where the settings want them; as many as there is time for."""
    if not context.reads_ngrams:
        return data
    config, start = context.config.model.ngrams, time.monotonic()
    strengths, vocabulary = ngrams.strengths(config), context.tokenizer.tokens

    def train() -> list[NgramLinear]:
        found: list[NgramLinear] = []

        def learn(check: Callable[[], None]) -> None:
            found.extend(ngrams.learn(data.examples, data.label_weights, vocabulary, config, strengths, check))

        context.limits.within(learn, context.limits.share(NGRAMS, time_limit))
        return list(found)

    linears = context.ranks.first(train)
    seconds = time.monotonic() - start
    if not linears:
        context.say(f"Note: no n-grams in addition to the network: training them was stopped after {seconds:.0f} s")
        return dataclasses.replace(data, config=without_ngrams(data.config))
    context.say(f"Linear model over {linears[0].size:,} n-grams: {seconds:.0f} s")
    if linears[0].labels is not None:
        context.say(
            f"Note: {linears[0].size:,} n-grams × {len(context.labels):,} labels are too many for a weight each: "
            f"every n-gram and every label has a vector of {len(linears[0].labels)} numbers"
        )
    return dataclasses.replace(data, linears=dict(zip(strengths, linears, strict=False)))


def add_ngram_evidence(context: TrainingContext, data: PreparedData, time_limit: float | None) -> PreparedData:
    """Let the linear models guide attention, where no rationale does."""
    examples = data.examples
    marked = examples.evidence is not None and bool(examples.evidence.ids.any())
    if marked or not data.config.learns_from_ngrams:
        return data
    weakest = data.linears[min(data.linears)]  # it knows these rows least by heart

    def read(check: Callable[[], None]) -> Ragged:
        parts = checked(ngram_evidence(weakest, examples), check)
        return Ragged.on_disk(parts) if examples.tokens.stored else Ragged.join(list(parts))

    evidence = context.limits.within(read, context.limits.share(NGRAMS, time_limit))
    if context.ranks.agreed(0.0, evidence is None)[1]:
        context.say("Note: n-grams do not guide attention: there was no time to read their contributions")
        return data
    return dataclasses.replace(data, examples=dataclasses.replace(examples, evidence=evidence, source="ngrams"))


def checked(parts: Iterable[T], check: Callable[[], None]) -> Iterator[T]:
    """Yield the parts, with a call of `check` before each."""
    for part in parts:
        check()
        yield part


def without_ngrams(config: Config) -> Config:
    """Return the settings of a network without n-grams in addition."""
    return dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, ngrams=dataclasses.replace(config.model.ngrams, features=0)),
    )


def label_weights(config: Config, labels: LabelSet, examples: Examples) -> NDArray[np.float32]:
    """Return the weight of each label (labels,): all 1, by name, or "balanced".

    For one label a row, balanced is rows / (labels × rows of the label) (King & Zeng 2001). For several it is the rows
    without a label over the rows with it, from 0.01 to 100. Only rows whose labels people gave are counted.
    """
    targets = examples.targets[: len(examples) - examples.pseudo_labels]
    chosen = config.training.class_weights
    weights = np.ones(len(labels), dtype=np.float32)
    if isinstance(chosen, dict):
        for name, weight in chosen.items():
            if name not in labels.index:
                raise ConfigError(f"class_weights names {name!r}", fix=f"use labels: {', '.join(labels.names)}")
            weights[labels.index[name]] = weight
        if not weights.any():
            raise ConfigError("no row counts: every class weight is 0", fix="give a label a weight above 0")
    elif chosen == "balanced" and labels.multi_label:
        having = targets.sum(axis=0)
        weights = np.clip((len(targets) - having) / np.maximum(having, 1), 0.01, 100).astype(np.float32)
    elif chosen == "balanced":
        counts = np.bincount(targets, minlength=len(labels))
        weights = (len(targets) / (len(labels) * np.maximum(counts, 1))).astype(np.float32)
    return weights
