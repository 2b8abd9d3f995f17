"""A trainer as `attnclf train` builds it, without n-grams, for benchmarks that change a part of it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from attnclf.config import Config
from attnclf.data.training_set import Sources, read_splits
from attnclf.text.tokenizer import Tokenizer
from attnclf.training.building import build
from attnclf.training.examples import Examples
from attnclf.training.preparation import PreparedData
from attnclf.training.trainer import Trainer
from benchmarks.splits import split_of


def silent(line: object) -> None:
    """Print nothing."""


def plain_trainer(
    folder: Path, config: Config, change: Callable[[nn.Module], None] = silent
) -> tuple[Trainer, nn.Module, list[np.ndarray]]:
    """Return the trainer of a folder's rows, its network after `change`, and the ids of the validation texts."""
    valid = split_of(folder, "valid")
    rows = read_splits(str(split_of(folder, "train")), Sources(valid=str(valid) if valid else None), config, silent)
    labels = rows.labels
    torch.manual_seed(config.training.seed)
    tokenizer = Tokenizer.learn(rows.train.texts, **config.to_dict()["text"])
    examples, validation = (
        Examples.of(part, tokenizer, labels, char_ngrams=False) for part in (rows.train, rows.valid)
    )
    network, config = build(config, tokenizer, len(labels), silent)
    change(network)
    even = np.ones(len(labels), dtype=np.float32)
    config = replace(config, training=replace(config.training, precision="fp32"))
    data = PreparedData(config=config, examples=examples, validation=validation, network=network, label_weights=even)
    texts = [ids.astype(np.int64) for ids in tokenizer.encode(list(rows.valid.texts))]
    return Trainer(data, torch.device("cpu")), network, texts
