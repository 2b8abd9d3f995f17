"""The network of the sources as tutorials train it: Adam, ten epochs, the best of them by validation rows."""

import copy
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from attnclf.config import TextConfig
from attnclf.text.tokenizer import Tokenizer
from benchmarks.accuracy import scores
from benchmarks.accuracy.contender import Contender, Fitted
from benchmarks.accuracy.datasets import Dataset
from benchmarks.speed.peers.naive_torch import Classifier

EPOCHS, BATCH, LEARNING_RATE = 10, 32, 1e-3


class Model:
    """The network and the tokenizer that attnclf would use."""

    def __init__(self, texts: Sequence[str], labels: int) -> None:
        self.tokenizer = Tokenizer.learn(texts, **dataclasses.asdict(TextConfig()))
        self.network = Classifier(self.tokenizer.size, labels)

    def logits(self, texts: Sequence[str]) -> torch.Tensor:
        """Return the logits of the network (rows, labels)."""
        tokens = self.tokenizer.encode(texts).filled(self.tokenizer.blank)
        ids, lengths = tokens.padded(np.arange(len(texts)))
        result: torch.Tensor = self.network(torch.from_numpy(ids.astype(np.int64)), torch.from_numpy(lengths))
        return result

    def __call__(self, texts: Sequence[str]) -> NDArray[np.floating]:
        """Return probabilities up to a constant factor (rows, labels), in batches of similar length."""
        self.network.eval()
        stated: list[NDArray[np.floating]] = [np.empty(0)] * len(texts)
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        with torch.no_grad():
            for start in range(0, len(order), 64):
                rows = order[start : start + 64]
                for row, predicted in zip(rows, torch.sigmoid(self.logits([texts[row] for row in rows])), strict=True):
                    stated[row] = predicted.numpy()
        return np.stack(stated)


def fit(dataset: Dataset, seed: int, folder: Path) -> Fitted:
    """Keep the best epoch; rows that were held to choose by are not learned from."""
    start = time.perf_counter()
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    parts = dataset.parts()
    several = parts.train.targets.ndim == 2
    model = Model(parts.train.texts, len(dataset.labels))
    optimizer = torch.optim.Adam(model.network.parameters(), lr=LEARNING_RATE)
    order = np.random.default_rng(seed)
    best, level, weights = -1.0, None, None
    for _ in range(EPOCHS):
        model.network.train()
        for rows in np.array_split(order.permutation(len(parts.train.texts)), -(-len(parts.train.texts) // BATCH)):
            batch = parts.train.subset(rows)
            predicted, wanted = model.logits(batch.texts), torch.from_numpy(batch.targets)
            loss = (
                functional.binary_cross_entropy_with_logits(predicted, wanted.float())
                if several
                else functional.cross_entropy(predicted, wanted)
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        stated = model(parts.valid.texts)
        cut = scores.threshold(parts.valid.targets, stated)
        valid = scores.accuracy(parts.valid.targets, scores.decided(stated, cut))
        if valid > best:
            best, level, weights = valid, cut, copy.deepcopy(model.network.state_dict())
    assert weights is not None
    model.network.load_state_dict(weights)
    size = sum(value.numel() for value in weights.values()) * 4 / 1e6
    seconds = time.perf_counter() - start
    return Fitted(
        predict=lambda texts: scores.decided(model(texts), level), valid=best, megabytes=size, seconds=seconds
    )


CONTENDERS = [Contender("naive BiLSTM + attention", fit, seeded=True)]
