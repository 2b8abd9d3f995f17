"""What the network learns from, as arrays: token ids, targets and row weights."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attnclf.data.corpus import Corpus
from attnclf.data.labels import LabelSet
from attnclf.data.spill import Column
from attnclf.text.char_ngrams import in_batch, ngram_slots
from attnclf.text.numbers import NumberReader
from attnclf.text.ragged import UNKNOWN_ID, Ragged
from attnclf.text.tokenizer import Tokenizer

CHUNK = 8192  # texts encoded at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Rows ready for the network.

    `targets` is int64 (rows,) for one label a row, -1 for a label that the model does not know; float32
    (rows, labels) of 0 and 1 for several. `weights` is float32 (rows,). With `char_ngrams`, `unknown` are the
    different unknown words, the n-th with the id `vocabulary` + n. `cut` texts are longer than what stands here of
    them. The last `pseudo_labels` rows have labels that another model gave them (`training.self_training`). `sequences`
    (rows, steps) are what a network learns that emits labels one after the other (`label_sequences`). `evidence`,
    laid out as `tokens`, is how much each token speaks for the labels of its row (`training.evidence`);
    its `source` are people, who marked it, or n-grams.
    """

    tokens: Ragged
    targets: NDArray[np.integer] | NDArray[np.floating]
    weights: NDArray[np.float32]
    vocabulary: int
    unknown: Sequence[str] | None
    cut: int = 0
    pseudo_labels: int = 0
    sequences: NDArray[np.int64] | None = None
    evidence: Ragged | None = None
    source: Literal["rationale", "ngrams"] = "rationale"

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def of(
        cls, corpus: Corpus, tokenizer: Tokenizer | NumberReader, labels: LabelSet, *, char_ngrams: bool
    ) -> "Examples":
        """Encode a corpus, chunk by chunk; the ids stay on disk if the texts do."""
        unknown: dict[str, int] = {}
        longer = 0

        def parts() -> Iterator[Ragged]:
            nonlocal longer
            for chunk in _chunks(corpus.texts):
                cut: list[bool] = []
                if isinstance(tokenizer, Tokenizer) and char_ngrams:
                    tokens = tokenizer.encode_with_unknown(chunk, unknown, cut)
                else:
                    tokens = tokenizer.encode(chunk, cut)
                longer += sum(cut)
                yield tokens.filled(tokenizer.blank).packed(tokenizer.size + len(unknown))

        tokens = Ragged.on_disk(parts()) if isinstance(corpus.texts, Column) else Ragged.join(list(parts()))
        weights = np.ones(len(corpus), dtype=np.float32) if corpus.weights is None else corpus.weights
        return cls(
            tokens=tokens,
            targets=labels.encode(corpus.label_lists),
            weights=weights,
            vocabulary=tokenizer.size,
            unknown=list(unknown) if char_ngrams else None,
            cut=longer,
        )

    def batch(self, rows: NDArray[np.int64]) -> tuple[NDArray[Any], ...]:
        """Return what the network takes for these rows: ids (batch, time), or numbers (batch, columns), and lengths."""
        ids, lengths = self.tokens.padded(rows)
        if ids.dtype.kind == "f":
            return ids, lengths
        return np.where(ids < self.vocabulary, ids, UNKNOWN_ID), lengths

    def batch_with_char_ngrams(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        """Return what a `Mixture` takes for these rows: ids, lengths, and the n-gram slots of their unknown words."""
        ids, lengths = self.tokens.padded(rows)
        ids, used = in_batch(ids, self.vocabulary)
        unknown = self.unknown or ()
        return ids, lengths, ngram_slots([unknown[number] for number in used.tolist()])

    def counts(self, label_weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what each row counts among the others (rows,): its weight, with one label a row times that of it."""
        if self.targets.ndim == 2:
            return self.weights
        return self.weights * label_weights[self.targets.astype(np.int64)]

    def goals(self, rows: NDArray[np.int64]) -> NDArray[np.integer] | NDArray[np.floating]:
        """Return what the network is to learn of these rows: their targets, or their sequences up to the last end."""
        if self.sequences is None:
            return self.targets[rows]
        sequences = self.sequences[rows]
        return sequences[:, : int((sequences >= 0).sum(axis=1).max())]


def label_sequences(
    label_lists: Sequence[tuple[str, ...]],
    labels: LabelSet,
    order: Literal["frequency", "given"],
    frequency: Counter[str],
) -> NDArray[np.int64]:
    """Return (rows, steps) int64: the numbers of a row's labels, then the number of labels, which is the end, then -1.

    Order "frequency" puts the label first that is the most frequent in training (Yang et al. 2018, sec. 2.1); "given"
    keeps the order of the row. A label that the model does not know is left out.
    """
    rows = [[name for name in names if name in labels.index] for names in label_lists]
    if order == "frequency":
        rows = [sorted(names, key=lambda name: (-frequency[name], labels.index[name])) for names in rows]
    sequences = np.full((len(rows), 1 + max(map(len, rows))), -1, dtype=np.int64)
    for sequence, names in zip(sequences, rows, strict=True):
        sequence[: len(names) + 1] = [*(labels.index[name] for name in names), len(labels)]
    return sequences


def encoded(tokenizer: Tokenizer | NumberReader, texts: Sequence[str]) -> Iterator[Ragged]:
    """Yield texts as ids, chunk by chunk."""
    return map(tokenizer.encode, _chunks(texts))


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(texts)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
