"""The evidence that each token of a row gives for its labels: marked by people, or contributed by n-grams."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from attnclf.data.corpus import Corpus
from attnclf.data.rationales import touched
from attnclf.model.ngrams import NgramLinear
from attnclf.text.ragged import Ragged
from attnclf.text.tokenizer import Tokenizer
from attnclf.training.examples import CHUNK, Examples
from attnclf.training.prediction import in_batches

MOST = 255  # of the token with the largest contribution in its row: a byte for each token
AGAINST = 0.5  # share with which a token counts that contributes against the labels of its row


def marked_tokens(corpus: Corpus, tokenizer: Tokenizer, tokens: Ragged) -> Ragged:
    """Return 1 for each token that a rationale touches and 0 for the others, laid out as the corpus's own `tokens`.

    A row without rationale has only zeros, and so has one whose evidence stands beyond the tokens that are read.
    """
    marks = np.zeros(len(tokens.ids), dtype=np.uint8)
    rows = zip(corpus.texts, corpus.rationales or (), tokens.offsets, tokens.lengths, strict=False)
    for text, spans, start, length in rows:
        if spans:
            pieces = tokenizer.pieces(text)[:length]
            marks[start : start + len(pieces)] = touched([(piece.start, piece.end) for piece in pieces], spans)
    return Ragged(marks, tokens.offsets)


def ngram_evidence(linear: NgramLinear, examples: Examples) -> Iterator[Ragged]:
    """Yield what n-grams contribute to the labels of the rows at each token, laid out as the tokens of the rows.

    That is the contribution to the logits of these labels, or `AGAINST` of its size if it is negative. The prediction
    depends on negative ones too, and attention has to find them before the label is known. The largest one of a row is
    scaled to `MOST`. A row without labels has only zeros.
    """
    for start in range(0, len(examples), CHUNK):
        part = examples.tokens.subset(np.arange(start, min(start + CHUNK, len(examples))))
        evidence = np.zeros(len(part.ids), np.uint8)
        for rows in in_batches(part.lengths, len(linear.bias)):
            levels = _levels(linear, examples, start + rows)
            lengths = part.lengths[rows]
            within = np.arange(levels.shape[1]) < lengths[:, None]
            index = part.offsets[rows][:, None] + np.arange(levels.shape[1])
            evidence[index[within]] = levels[within]
        yield Ragged(evidence, part.offsets)


def _levels(linear: NgramLinear, examples: Examples, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return what `ngram_evidence` yields for these rows, (rows, time)."""
    with torch.no_grad():
        contributions = linear(*map(torch.from_numpy, examples.batch_with_char_ngrams(rows))).contributions.numpy()
    targets = examples.targets[rows]
    if targets.ndim == 1:
        own = contributions[np.arange(len(rows)), :, targets.astype(np.int64)]
    else:
        own = (contributions @ targets[..., np.newaxis])[..., 0]
    size = np.maximum(own, -AGAINST * own)
    most = size.max(axis=1, keepdims=True)
    levels: NDArray[np.float32] = np.rint(MOST * size / np.where(most > 0, most, 1))
    return levels.astype(np.uint8)
