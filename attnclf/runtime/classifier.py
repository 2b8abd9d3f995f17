"""A loaded model: texts in, predictions out. The one inference path of predict, explain, evaluate and serve."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from attnclf.bundle import Bundle, Precision, open_bundle
from attnclf.data.batches import sorted_by_length
from attnclf.data.labels import marked
from attnclf.data.tokens import Tokens
from attnclf.errors import ConfigError, DeviceError
from attnclf.evaluation import thresholds as cuts
from attnclf.runtime.session import Device, Result, Session, open_session
from attnclf.text.numbers import NumberReader
from attnclf.text.spelling import in_batch
from attnclf.text.tokenizer import UNKNOWN_ID, Tokenizer

if TYPE_CHECKING:
    from attnclf.explain.explanation import Explanation

# Units of a batch with its padding. On a CPU few: what a layer writes is still in the cache when the next one reads it.
BATCH_TOKENS = {"cpu": 1024, "cuda": 8192}

T = TypeVar("T")
R = TypeVar("R")
Inputs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64] | None]  # ids, lengths, spellings


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the model says of one text.

    `probabilities` has one float32 for each label of the model; `attention` one for each unit it read. A text with
    nothing to classify (blank, or only control characters) has neither label nor score nor attention. `named` has the
    further outputs of the network that were asked for, without padding. `truncated` tells that the text goes on after
    the last unit that the network read.
    """

    # The best label; with several labels allowed, those above the threshold, the best first, or those that the network
    # emits one after the other, in that order.
    chosen: tuple[str, ...]
    label: str | None
    score: float | None
    probabilities: NDArray[np.float32]
    attention: NDArray[np.float32]
    named: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    truncated: bool = False


class Encoded(NamedTuple):
    """Texts as ids, those of unknown words from the size of the vocabulary on; which are empty, which are cut."""

    tokens: Tokens
    unknown: list[str]
    empty: list[bool]
    truncated: list[bool]


class Rows(NamedTuple):
    """What the network says of many texts: arrays over rows, or lists of one value for each row."""

    probabilities: NDArray[np.float32]
    attention: list[NDArray[np.float32]]
    named: list[dict[str, NDArray[Any]]]
    empty: list[bool]
    truncated: list[bool]


class Classifier:
    """A bundle, ready to run."""

    def __init__(
        self, bundle: Bundle, tokenizer: Tokenizer | NumberReader, session: Session, batch_size: int | None = None
    ) -> None:
        self.bundle = bundle
        self.tokenizer = tokenizer
        self.session = session
        self.batch_size = batch_size
        self.labels = bundle.labels
        self.multi_label = bundle.multi_label
        self._workers = ThreadPoolExecutor(session.workers) if session.workers > 1 else None
        self.sequential = "sequence" in session.axes  # emits its labels one after the other
        self.thresholds = np.array(bundle.manifest.get("thresholds", [0.5] * len(self.labels)), dtype=np.float32)

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        device: Device = "auto",
        precision: Precision = "fp32",
        threads: int = 0,
        batch_size: int | None = None,
    ) -> "Classifier":
        """Open a model folder; at most `batch_size` texts go through the network together.

        Raises BundleError for a missing or damaged folder or precision, DeviceError for a missing device.
        """
        if precision == "int8" and device == "cuda":
            raise DeviceError("int8 runs on the CPU only", fix="leave --precision out, or pass --device cpu")
        bundle = open_bundle(Path(folder))
        tokenizer: Tokenizer | NumberReader
        if bundle.columns:
            tokenizer = NumberReader(bundle.columns)
        else:
            tokenizer = Tokenizer.load(bundle.path("tokenizer.json"), bundle.manifest["text"]["max_length"])
        session = open_session(
            bundle.network(precision), device="cpu" if precision == "int8" else device, threads=threads
        )
        return cls(bundle, tokenizer, session, batch_size)

    def predict(
        self, texts: Sequence[str], *, threshold: float | None = None, named: Sequence[str] = ()
    ) -> list[Prediction]:
        """Classify texts, in order. `threshold` replaces the model's own for multi-label choices.

        `named` asks for further outputs of the network, of those in `session.axes`. Raises ConfigError for a threshold
        where the network emits its labels one after the other.
        """
        if threshold is not None and self.sequential:
            raise ConfigError(
                "this model emits its labels one after the other until it says that is all: no threshold decides",
                fix="leave --threshold out",
            )
        thresholds = self.thresholds if threshold is None else np.full_like(self.thresholds, threshold)
        rows = self._run(texts, named)
        best = rows.probabilities.argmax(axis=1).tolist()
        return [self._judged(*row, thresholds=thresholds) for row in zip(*rows, best, strict=True)]

    def explain(self, texts: Sequence[str], *, method: str = "attention", **options: Any) -> "list[Explanation]":
        """Say which words decided; what comes back prints itself, and draws itself in a notebook.

        The options are those of `attnclf.explain.explain.explain`.
        """
        from attnclf.explain.explain import explain

        return explain(self, texts, method=method, **options)

    def _judged(
        self,
        probabilities: NDArray[np.float32],
        attention: NDArray[np.float32],
        named: Mapping[str, NDArray[Any]],
        empty: bool,
        truncated: bool,
        best: int,
        *,
        thresholds: NDArray[np.float32],
    ) -> Prediction:
        if empty:
            return Prediction(
                chosen=(), label=None, score=None, probabilities=probabilities, attention=probabilities[:0]
            )
        chosen = [best]
        if self.sequential:
            chosen = named["sequence"][named["sequence"] >= 0].tolist()
        elif self.multi_label:
            above = np.flatnonzero(probabilities >= thresholds)
            chosen = above[np.argsort(-probabilities[above], kind="stable")].tolist()
        top = chosen[0] if chosen else best
        return Prediction(
            chosen=tuple(self.labels[label] for label in chosen),
            label=self.labels[top],
            score=float(probabilities[top]),
            probabilities=probabilities,
            attention=attention,
            named=named,
            truncated=truncated,
        )

    def ranked(self, prediction: Prediction) -> list[tuple[str, float]]:
        """Return every label with its probability, the best first."""
        order = np.argsort(-prediction.probabilities, kind="stable")
        return [(self.labels[label], float(prediction.probabilities[label])) for label in order]

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return probabilities (rows, labels); a blank text is judged as one unknown word."""
        return self._run(texts).probabilities

    def judge(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return `probabilities` and which labels a multi-label model gives each row: (rows, labels) both."""
        rows = self._run(texts)
        if not self.sequential:
            return rows.probabilities, cuts.chosen(rows.probabilities, self.thresholds)
        sequences = np.stack([named["sequence"] for named in rows.named])
        return rows.probabilities, marked(sequences, len(self.labels))

    def encoded(self, texts: Sequence[str]) -> Encoded:
        """Return texts as ids."""
        unknown: dict[str, int] = {}
        truncated: list[bool] = []
        known = self.tokenizer.size
        rows: Sequence[NDArray[Any]]
        if isinstance(self.tokenizer, NumberReader):
            rows = self.tokenizer.encode(texts, truncated)
            tokens = Tokens.pack_numbers(rows, columns=known)
        elif self.session.spelled:
            rows = self.tokenizer.encode_spelled(texts, unknown, truncated)
            tokens = Tokens.pack(rows, vocabulary=known + len(unknown), empty=UNKNOWN_ID)
        else:
            rows = self.tokenizer.encode(texts, truncated)
            tokens = Tokens.pack(rows, vocabulary=known, empty=UNKNOWN_ID)
        return Encoded(tokens, list(unknown), [len(row) == 0 for row in rows], truncated)

    def batches(self, encoded: Encoded) -> Iterator[NDArray[np.int64]]:
        """Yield the rows that go through the network together."""
        return sorted_by_length(encoded.tokens.lengths, BATCH_TOKENS[self.session.device], self.batch_size)

    def inputs(self, encoded: Encoded, rows: NDArray[np.int64]) -> Inputs:
        """Return what `Session.run` wants for a batch."""
        ids, lengths = encoded.tokens.padded(rows)
        if not self.session.spelled:
            return ids, lengths, None
        ids, spellings = in_batch(ids, self.tokenizer.size, encoded.unknown)
        return ids, lengths, spellings

    def each(self, run: Callable[[T], R], batches: Iterable[T]) -> Iterator[R]:
        """Run a function over batches, as many at a time as suits the session; results come in order."""
        return map(run, batches) if self._workers is None else self._workers.map(run, batches)

    def _run(self, texts: Sequence[str], named: Sequence[str] = ()) -> Rows:
        if self.sequential:
            named = tuple(dict.fromkeys((*named, "sequence")))
        encoded = self.encoded(texts)
        count, lengths = len(encoded.tokens), encoded.tokens.lengths

        def run(rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], Result]:
            return rows, self.session.run(*self.inputs(encoded, rows), named=named)

        probabilities = np.empty((count, len(self.labels)), dtype=np.float32)
        attention: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * count
        others: list[dict[str, NDArray[Any]]] = [{} for _ in range(count)]
        for rows, result in self.each(run, self.batches(encoded)):
            probabilities[rows] = result.probabilities
            for row, weights in zip(rows, result.attention, strict=True):
                attention[row] = weights[: lengths[row]]
            for name, values in result.named.items():
                for row, value in zip(rows, values, strict=True):
                    # A copy, for a view would keep the whole batch in memory.
                    others[row][name] = value[self._real(name, int(lengths[row]))].copy()
        return Rows(probabilities, attention, others, encoded.empty, encoded.truncated)

    def _real(self, name: str, length: int) -> tuple[slice, ...]:
        """Return what cuts the padding off one row of a named output."""
        return tuple(slice(length if axis == "time" else None) for axis in self.session.axes[name][1:])
