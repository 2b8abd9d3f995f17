"""Learning the linear model over n-grams: TF-IDF features as sparse rows, one logistic regression a label.

Where the tables of many labels would be too large, all labels are learned together (`attnclf.training.factored`). The
weights are then folded into the tables of `attnclf.model.ngrams`, which never sees a sparse matrix.
"""

import dataclasses
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from attnclf.config import NgramConfig
from attnclf.model.ngrams import NgramLinear
from attnclf.text import char_ngrams, pairs
from attnclf.text.ragged import PART, UNKNOWN_ID, Ragged
from attnclf.training import factored
from attnclf.training.examples import Examples

# Non-zero features, and those times labels, that are learned from: about half a minute and 1 GB. Of more, a sample.
MOST, WORK = 60_000_000, 500_000_000
CELLS = 2**24  # of the tables, 64 MB; of more, the tables are products of two
AT_A_TIME, CHUNK = 8192, 2**19  # tokens hashed at a time; cells of words whose n-grams are summed up
MANY = 1000  # rows from which on a pair or an n-gram that only one of them has is left out
SMOOTHING = 1.0  # added to counts, so that no ratio of counts is 0 or infinite
# C of the regressions; the first of equals. The weaker serves where texts say little about their labels, as with
# sentiment.
STRENGTHS = (10.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where the features stand: words, then pairs, then n-grams, each of these with a first column that nothing fills.

    `pair_rows` and `gram_rows` say which of its kind each slot is; `idf` (columns,) is ln((1 + n) / (1 + df)) + 1.
    """

    words: int
    pair_rows: NDArray[np.int32]
    gram_rows: NDArray[np.int32]
    idf: NDArray[np.float64]

    @property
    def grams_from(self) -> int:
        """The first column of the n-grams."""
        return self.words + int(self.pair_rows.max()) + 1


def strengths(config: NgramConfig) -> Sequence[float]:
    """Return the C of the linear models that are trained: the one that is set, else those that may serve."""
    return STRENGTHS if config.strength is None else (config.strength,)


def learn(
    examples: Examples,
    label_weights: NDArray[np.float32],
    vocabulary: Sequence[str],
    config: NgramConfig,
    strengths: Sequence[float],
    check: Callable[[], None] = lambda: None,
    like: NgramLinear | None = None,
) -> Iterator[NgramLinear]:
    """Yield the linear model of the training rows, with the n-grams of their unknown words, for each strength C.

    `label_weights` (labels,) multiply the row weights as they do in the loss of the network, and as there only ratios
    count; `vocabulary` are the known words by id. Where the tables are products of two there is one model, whatever the
    strengths. `check` is called again and again, and may raise what ends the work. With `like`, tables have the
    axes of its tables, except for the number of rows.
    """
    grams = TokenGrams.of([*vocabulary, *(examples.unknown or ())])
    examples, labels = dataclasses.replace(examples, weights=_weights(examples, label_weights)), len(label_weights)
    check()
    rows = _described(examples, grams, len(vocabulary), config.features, labels)
    width = len(rows.columns.idf) + rows.columns.words
    if width * labels <= CELLS if like is None else like.labels is None:
        yield from _regressed(rows, grams, label_weights, config, strengths, check)
        return
    check()
    if len(rows.targets) < len(examples):  # of all labels together more can be learned
        rows = _described(examples, grams, len(vocabulary), config.features, 1)
        width = len(rows.columns.idf) + rows.columns.words
    rank = factored.rank(width) if like is None or like.labels is None else len(like.labels)
    model = factored.learn(rows.values, rows.targets, rows.weights, label_weights, rank, check)
    yield _folded(model.features.astype(np.float64), model.bias, rows.columns, grams, model.labels)


class Described(NamedTuple):
    """Rows that are learned from: TF-IDF values (rows, columns), targets as in `Examples`, weights (rows,)."""

    columns: Columns
    values: sparse.csr_matrix
    targets: NDArray[Any]
    weights: NDArray[np.float32]


def _described(examples: Examples, grams: "TokenGrams", words: int, most: int, labels: int) -> Described:
    """Describe the rows, or as many as may be learned from with so many labels."""
    tokens, targets, weights = _sample(examples, grams, labels)
    counts, columns = _count(tokens, grams, words, most)
    return Described(columns, _tfidf(counts, columns, grams.share(tokens, columns.gram_rows)), targets, weights)


def _regressed(
    rows: Described,
    grams: "TokenGrams",
    label_weights: NDArray[np.float32],
    config: NgramConfig,
    strengths: Sequence[float],
    check: Callable[[], None],
) -> Iterator[NgramLinear]:
    """Yield the linear model for each strength, one regression a label."""
    features, columns, targets = Features.of(rows.values), rows.columns, rows.targets
    labels = np.arange(len(label_weights))
    twins = targets.ndim == 1 and len(labels) == 2  # one regression serves both
    for strength in strengths:
        coefficients = np.zeros((len(columns.idf), len(labels)))
        bias = np.zeros(len(labels))
        for label in labels[1:] if twins else labels:
            check()
            column = targets == label if targets.ndim == 1 else targets[:, label] > 0
            own = np.where(column, label_weights[label], 1.0) if targets.ndim == 2 else 1.0
            fitted = _regress(features, column, rows.weights * own, config.contrast, strength)
            coefficients[:, label], bias[label] = fitted
        if twins:
            coefficients[:, 0], bias[0] = -coefficients[:, 1], -bias[1]
        yield _folded(coefficients, bias, columns, grams)


@dataclass(frozen=True, slots=True)
class Features:
    """TF-IDF values (rows, columns), which of them are present, and the sum of the squares of each column."""

    values: sparse.csr_matrix
    present: sparse.csr_matrix
    mass: NDArray[np.float64]

    @classmethod
    def of(cls, values: sparse.csr_matrix) -> "Features":
        """Describe the values."""
        squares = values.multiply(values).sum(axis=0)
        return cls(values, (values > 0).astype(np.float64), np.asarray(squares).ravel())


@dataclass(frozen=True, slots=True)
class TokenGrams:
    """The n-gram slots of every token, end to end: token u has `slots[offsets[u]:offsets[u + 1]]`."""

    slots: NDArray[np.int64]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, vocabulary: Sequence[str]) -> "TokenGrams":
        """Hash the n-grams of the tokens; the first two, padding and unknown, are no words."""
        words = ["", "", *vocabulary[2:]]
        tables = [
            char_ngrams.ngram_slots(words[start : start + AT_A_TIME]) for start in range(0, len(words), AT_A_TIME)
        ]
        counts = np.concatenate([np.count_nonzero(table, axis=1) for table in tables])
        return cls(np.concatenate([table[table > 0] for table in tables]), np.concatenate([[0], np.cumsum(counts)]))

    def of_each(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the slots of all these tokens, end to end, and for each slot the index into `ids` that it is from."""
        counts = np.diff(self.offsets)[ids]
        owners = np.repeat(np.arange(len(ids)), counts)
        within = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.slots[self.offsets[ids][owners] + within], owners

    def share(self, tokens: Ragged, gram_rows: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return for each row (rows,) the share of its tokens with at least one n-gram that has a row of its own."""
        slots, owners = self.of_each(np.arange(len(self.offsets) - 1))
        having = np.bincount(owners, weights=gram_rows[slots] > 0, minlength=len(self.offsets) - 1) > 0
        return np.add.reduceat(having[tokens.ids].astype(np.float64), tokens.offsets[:-1]) / tokens.lengths


def _weights(examples: Examples, label_weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what each row counts: 1 in the mean of those with true labels that count at all.

    A regression sums over rows: without that, the scale of the weights would be another strength.
    """
    weights = examples.counts(label_weights)
    true = weights[: len(examples) - examples.pseudo_labels]
    return weights / true[true > 0].mean() if (true > 0).any() else weights


def _sample(examples: Examples, grams: TokenGrams, labels: int) -> tuple[Ragged, NDArray[Any], NDArray[np.float32]]:
    """Return tokens, targets and row weights of all rows, or of as many as may be learned from."""
    ids, sizes = examples.tokens.ids, np.diff(grams.offsets)
    # Part by part: a number of 8 bytes for each token would be more than all the rest.
    features = sum(2 * len(part) + int(sizes[part].sum()) for part in np.array_split(ids, 1 + len(ids) // PART))
    regressions = 1 if labels == 2 and examples.targets.ndim == 1 else labels
    share = min(1.0, MOST / features, WORK / (features * regressions))
    if share == 1.0:
        return examples.tokens, examples.targets, examples.weights
    most, own = int(share * len(examples)), len(examples) - examples.pseudo_labels
    generator = np.random.default_rng(0)
    rows = generator.permutation(own)[:most]
    if len(rows) == own:  # all whose labels are true; the others for what room is left
        rows = np.concatenate([rows, own + generator.permutation(examples.pseudo_labels)[: most - own]])
    rows = np.sort(rows)
    return examples.tokens.subset(rows), examples.targets[rows], examples.weights[rows]


def _count(tokens: Ragged, grams: TokenGrams, words: int, most: int) -> tuple[sparse.csr_matrix, Columns]:
    """Count the features of every row; of pairs and n-grams at most `most`, and of many rows those of two or more."""
    ids = tokens.ids.astype(np.int64)
    rows = np.repeat(np.arange(len(tokens)), tokens.lengths)
    own = np.where(ids < words, ids, UNKNOWN_ID)
    previous = np.concatenate([[0], own[:-1]])
    previous[tokens.offsets[:-1]] = 0
    pair = pairs.slot(previous, own)
    gram, owners = grams.of_each(ids)
    least = 1 if len(tokens) < MANY else 2
    pair_rows = _numbered(_rows_with(rows, pair, pairs.SLOTS), most, least)
    gram_rows = _numbered(_rows_with(rows[owners], gram, char_ngrams.SLOTS + 1), most, least)
    kinds = [
        (rows, own, words),
        (rows, pair_rows[pair], int(pair_rows.max()) + 1),
        (rows[owners], gram_rows[gram], int(gram_rows.max()) + 1),
    ]
    counts = sparse.hstack([_matrix(*kind, len(tokens)) for kind in kinds], format="csr")
    frequency = np.bincount(counts.indices, minlength=counts.shape[1])
    idf = np.log((1 + len(tokens)) / (1 + frequency)) + 1
    return counts, Columns(words=words, pair_rows=pair_rows, gram_rows=gram_rows, idf=idf)


def _matrix(rows: NDArray[Any], columns: NDArray[Any], width: int, height: int) -> sparse.csr_matrix:
    used = columns > 0
    ones = np.ones(int(used.sum()), np.float32)
    return sparse.csr_matrix((ones, (rows[used], columns[used])), shape=(height, width))


def _rows_with(rows: NDArray[np.int64], slots: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return for each slot in how many rows it occurs."""
    different = np.unique(rows * size + slots) % size
    return np.bincount(different, minlength=size)


def _numbered(counts: NDArray[np.int64], most: int, least: int) -> NDArray[np.int32]:
    """Number the slots that were counted `least` times or more, at most the `most` frequent; the others are 0."""
    order = np.argsort(-counts, kind="stable")[:most]
    chosen = np.sort(order[counts[order] >= least])
    rows = np.zeros(len(counts), dtype=np.int32)
    rows[chosen] = np.arange(1, len(chosen) + 1)
    return rows


def _tfidf(counts: sparse.csr_matrix, columns: Columns, share: NDArray[np.float64]) -> sparse.csr_matrix:
    """Return count · idf / √(Σ count · idf²), the sum over words and pairs, or over n-grams; these times √share."""
    blocks = []
    for part, square in ((slice(0, columns.grams_from), 1.0), (slice(columns.grams_from, None), share)):
        block, idf = counts[:, part], columns.idf[part]
        scale = np.sqrt(square / np.maximum(block @ idf**2, 1.0))
        blocks.append(sparse.diags(scale) @ block @ sparse.diags(idf))
    return sparse.hstack(blocks, format="csr")


def _regress(
    features: Features, column: NDArray[np.bool_], weights: NDArray[np.floating], contrast: float, strength: float
) -> tuple[NDArray[np.float64], float]:
    """Return coefficients and intercept of one label against the rest.

    Features are first scaled by how differently the two sides use them, |ln ratio| of their frequencies, halfway
    (`contrast`) between not at all and fully: the NB-SVM of Wang & Manning 2012, with its interpolation β. Rows without
    weight are left out; one side alone makes a constant.
    """
    from sklearn.linear_model import LogisticRegression

    counting = weights > 0
    column, weights = column[counting], weights[counting]
    if column.all() or not column.any():
        return np.zeros(len(features.mass)), -5.0 if not column.any() else 5.0
    present, values = features.present[counting], features.values[counting]
    inside, outside = column @ present, ~column @ present
    rates = [
        (uses + SMOOTHING) / (rows + 2 * SMOOTHING)
        for uses, rows in ((inside, column.sum()), (outside, (~column).sum()))
    ]
    ratio = np.abs(np.log(rates[0] / rates[1]))
    used = inside + outside > 0
    scale = np.where(used, 1 - contrast + contrast * ratio / max(ratio[used].mean(), 1e-9), 0.0)
    mass = features.mass
    scale *= np.sqrt(mass.sum() / max((mass * scale**2).sum(), 1e-12))  # keeps the mean length of a row
    model = LogisticRegression(C=strength, solver="liblinear", dual=True, tol=0.1, random_state=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Liblinear failed to converge")  # near enough
        model.fit(values @ sparse.diags(scale), column, sample_weight=weights)
    return model.coef_[0] * scale, float(model.intercept_[0])


def _folded(
    coefficients: NDArray[np.float64],
    bias: NDArray[np.floating],
    columns: Columns,
    grams: TokenGrams,
    labels: NDArray[np.float32] | None = None,
) -> NgramLinear:
    """Return the tables: coefficient · idf for each label or for each number of a row, and idf² in addition."""
    table = np.column_stack([coefficients * columns.idf[:, None], columns.idf**2])
    table[[0, columns.words, columns.grams_from]] = 0.0
    words, pair_table, gram_table = np.split(table, [columns.words, columns.grams_from])
    word_grams = np.zeros_like(words)
    for some in np.array_split(np.arange(columns.words), 1 + word_grams.size // CHUNK):
        slots, owners = grams.of_each(some)
        np.add.at(word_grams, some[owners], gram_table[columns.gram_rows[slots]])
    word_grams = np.column_stack([word_grams, word_grams[:, -1] > 0])

    def tensor(array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.int32 if array.dtype == np.int32 else np.float32))

    return NgramLinear(
        {
            "words": tensor(words),
            "word_grams": tensor(word_grams),
            "pairs": tensor(pair_table),
            "grams": tensor(gram_table),
            "pair_rows": tensor(columns.pair_rows),
            "gram_rows": tensor(columns.gram_rows),
            "bias": tensor(bias),
        }
        | ({} if labels is None else {"labels": tensor(labels)})
    )
