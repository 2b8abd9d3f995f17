"""A loaded model: texts in, predictions out. The one inference path of predict, explain, evaluate and serve."""

import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from attnclf.bundle import Bundle, Precision, open_bundle
from attnclf.data.batches import sorted_by_length
from attnclf.data.labels import marked
from attnclf.errors import BundleError, ConfigError, DeviceError
from attnclf.evaluation import thresholds as cuts
from attnclf.hub import PREFIX, located
from attnclf.runtime.backend import Backend, Device, NetworkOutput
from attnclf.runtime.displayed_tokens import DisplayedTokens
from attnclf.runtime.onnxruntime_backend import open_backend
from attnclf.runtime.prediction import NOTHING, Prediction
from attnclf.text.char_ngrams import CharNgramHasher, in_batch, padded_slots
from attnclf.text.numbers import NumberReader
from attnclf.text.ragged import Ragged
from attnclf.text.tokenizer import Tokenizer
from attnclf.workers import Workers

# Units of a batch with its padding. On a CPU few: what a layer writes is still in the cache when the next one reads it.
# On a GPU many: a step of a recurrent layer takes about as long for a thousand texts as for one.
BATCH_TOKENS = {"cpu": 1024, "cuda": 32_768}

if TYPE_CHECKING:
    from attnclf.explain.types.explanation import Explanation

R = TypeVar("R")
Inputs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64] | None]  # ids, lengths, n-gram slots


class Encoded(NamedTuple):
    """Texts as ids, those of unknown words from the size of the vocabulary on; which are empty, which are cut.

    `char_ngrams` has the n-gram slots of each unknown word, for a network that wants them.
    """

    tokens: Ragged
    char_ngrams: Ragged
    empty: list[bool]
    truncated: list[bool]


class Rows(NamedTuple):
    """What the network returns for many texts: arrays over rows, or lists of one value each; and which are empty."""

    probabilities: NDArray[np.float32]
    attention: list[NDArray[np.float32]]
    named: Sequence[Mapping[str, NDArray[Any]]]
    empty: list[int]
    truncated: list[bool]


def reader_of(bundle: Bundle) -> Tokenizer | NumberReader:
    """Return what turns texts into what the network of a bundle reads."""
    if bundle.columns:
        return NumberReader(bundle.columns)
    return Tokenizer.load(bundle.path("tokenizer.json"), bundle.manifest["text"]["max_length"])


class Classifier:
    """A bundle, ready to run.

    Pickled or copied, it is loaded again from its folder with the same options. BundleError is raised there for a
    folder that holds another model by then.
    """

    def __init__(
        self, bundle: Bundle, tokenizer: Tokenizer | NumberReader, backend: Backend, batch_size: int | None = None
    ) -> None:
        self.bundle = bundle
        self.tokenizer = tokenizer
        self.backend = backend
        self.batch_size = batch_size
        self._origin: str | Path = bundle.folder.resolve()  # from where, and with which options, a copy is loaded
        self._options: dict[str, Any] = {}
        self.labels = bundle.labels
        self.multi_label = bundle.multi_label
        self._alone = [(label,) for label in self.labels]
        self._hasher = CharNgramHasher()
        self._workers = Workers(backend.workers)
        self.sequential = "sequence" in backend.axes  # emits its labels one after the other
        self.temperature = float(bundle.manifest.get("temperature", 1.0))  # by which the logits are divided already
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
        """Open a model folder, or `hf:owner/name` of the hub; at most `batch_size` texts go through it together.

        Raises BundleError for a missing or damaged folder or precision, DeviceError for a missing device, HubError for
        a model that cannot be fetched.
        """
        if precision == "int8" and device == "cuda":
            raise DeviceError("int8 runs on the CPU only", fix="leave --precision out, or pass --device cpu")
        bundle = open_bundle(located(folder))
        backend = open_backend(
            bundle.network(precision), device="cpu" if precision == "int8" else device, threads=threads
        )
        classifier = cls(bundle, reader_of(bundle), backend, batch_size)
        classifier._options = {"device": device, "precision": precision, "threads": threads}
        if isinstance(folder, str) and folder.startswith(PREFIX):  # another machine has another cache
            classifier._origin = folder
        return classifier

    def __reduce__(self) -> tuple[Any, ...]:
        return _loaded_again, (
            type(self),
            self._origin,
            {**self._options, "batch_size": self.batch_size},
            self.bundle.version,
        )

    def predict(
        self, texts: Iterable[str], *, threshold: float | None = None, named: Sequence[str] = ()
    ) -> list[Prediction]:
        """Classify texts, in order. `threshold` replaces the model's own for multi-label choices.

        `named` asks for further outputs of the network, of those in `backend.axes`. Raises ConfigError for a threshold
        where the network emits its labels one after the other.
        """
        return self.start(texts, threshold=threshold, named=named)()

    def start(
        self, texts: Iterable[str], *, threshold: float | None = None, named: Sequence[str] = ()
    ) -> Callable[[], list[Prediction]]:
        """Begin to `predict`; what is returned waits for the predictions. Meanwhile, other texts may be begun."""
        if threshold is not None and self.sequential:
            raise ConfigError(
                "this model emits its labels one after the other until it says that is all: no threshold decides",
                fix="leave --threshold out",
            )
        thresholds = self.thresholds if threshold is None else np.full_like(self.thresholds, threshold)
        given = listed(texts)
        rows = self._start(self.encoded(given), named)
        return lambda: self._decided(given, rows(), thresholds)

    def predict_encoded(self, texts: Sequence[str], encoded: Encoded, *, named: Sequence[str] = ()) -> list[Prediction]:
        """Classify texts that `encoded` has returned as ids already; the rest is as in `predict`."""
        return self._decided(list(texts), self._start(encoded, named)(), self.thresholds)

    def explain(self, texts: Iterable[str], *, method: str = "attention", **options: Any) -> "list[Explanation]":
        """Say which words decided; what comes back prints itself, and draws itself in a notebook.

        The options are those of `attnclf.explain.api.explain`.
        """
        from attnclf.explain.api import explain

        return explain(self, texts, method=method, **options)

    def _decided(self, texts: list[str], rows: Rows, thresholds: NDArray[np.float32]) -> list[Prediction]:
        if not len(rows.probabilities):
            return []
        best = rows.probabilities.argmax(axis=1)
        if self.multi_label:
            ranked = self._sequences(rows) if self.sequential else self._above(rows.probabilities, thresholds)
            best = np.where(ranked[:, 0] >= 0, ranked[:, 0], best)
            chosen = [tuple(self.labels[label] for label in labels if label >= 0) for labels in ranked.tolist()]
        else:
            chosen = [self._alone[label] for label in best.tolist()]
        scores = np.take_along_axis(rows.probabilities, best[:, None], axis=1)[:, 0]
        labels = map(self.labels.__getitem__, best.tolist())
        tokens = map(DisplayedTokens, repeat(self.tokenizer), texts, map(len, rows.attention))
        # A row of its own each, for a view would keep the whole array in memory.
        own = map(np.ndarray.copy, rows.probabilities)
        predictions = list(
            map(Prediction, chosen, labels, scores.tolist(), own, rows.attention, rows.named, rows.truncated, tokens)
        )
        for row in rows.empty:
            probabilities = predictions[row].probabilities
            predictions[row] = Prediction((), None, None, probabilities, probabilities[:0])
        return predictions

    def _sequences(self, rows: Rows) -> NDArray[np.int64]:
        """Return the labels that the network emits, (rows, steps), -1 after the last."""
        return np.stack([named["sequence"] for named in rows.named])

    def _above(self, probabilities: NDArray[np.float32], thresholds: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the labels above their thresholds, the best first, (rows, labels), -1 after the last."""
        above = np.where(cuts.labels_above(probabilities, thresholds), probabilities, -1.0)
        order = np.argsort(-above, axis=1, kind="stable")
        return np.where(np.take_along_axis(above, order, axis=1) >= 0, order, -1)

    def ranked(self, prediction: Prediction) -> list[tuple[str, float]]:
        """Return every label with its probability, the best first."""
        order = np.argsort(-prediction.probabilities, kind="stable")
        return [(self.labels[label], float(prediction.probabilities[label])) for label in order]

    def predict_proba(self, texts: Iterable[str]) -> NDArray[np.float32]:
        """Return the probability of each label for each text, float32 (texts, labels), in the order of `labels`.

        A row of a model with one label a text adds up to 1; with several labels each probability stands alone. A blank
        text is classified as one unknown word. Raises TypeError for anything but texts.
        """
        return self._start(self.encoded(listed(texts)))().probabilities

    def probabilities_and_labels(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return `predict_proba` and which labels a multi-label model gives each text, bool (texts, labels)."""
        rows = self._start(self.encoded(texts))()
        if not self.sequential:
            return rows.probabilities, cuts.labels_above(rows.probabilities, self.thresholds)
        return rows.probabilities, marked(self._sequences(rows), len(self.labels))

    def encoded(self, texts: Sequence[str]) -> Encoded:
        """Return texts as ids."""
        truncated: list[bool] = []
        unknown: Sequence[str] = ()
        if isinstance(self.tokenizer, Tokenizer) and self.backend.reads_ngrams:
            tokens, unknown = self.tokenizer.read(texts, truncated)
        else:
            tokens = self.tokenizer.encode(texts, truncated)
        filled = tokens.filled(self.tokenizer.blank)
        return Encoded(filled, self._hasher.read(unknown), (tokens.lengths == 0).tolist(), truncated)

    def beginning(self, text: str, tokens: int) -> str:
        """Return a text up to the end of its n-th token, or whole if it has no more of them."""
        pieces = self.tokenizer.pieces(text)
        return text if len(pieces) <= tokens else text[: pieces[tokens - 1].end]

    def batches(self, encoded: Encoded) -> Iterator[NDArray[np.int64]]:
        """Yield the rows that go through the network together."""
        return sorted_by_length(encoded.tokens.lengths, BATCH_TOKENS[self.backend.device], self.batch_size)

    def inputs(self, encoded: Encoded, rows: NDArray[np.int64]) -> Inputs:
        """Return the arguments of `Backend.run` for a batch."""
        ids, lengths = encoded.tokens.padded(rows)
        if not self.backend.reads_ngrams:
            return ids, lengths, None
        ids, unknown = in_batch(ids, self.tokenizer.size)
        return ids, lengths, padded_slots(encoded.char_ngrams, unknown)

    def each(self, run: Callable[..., R], batches: Sequence[Any], *others: Iterable[Any]) -> Iterator[R]:
        """Run a function over batches, as many at a time as suit the backend; results come in order.

        It is given one of each of the others, too.
        """
        if self.backend.workers == 1 or len(batches) == 1:
            return map(run, batches, *others)
        return self._workers.map(run, batches, *others)

    def _start(self, encoded: Encoded, named: Sequence[str] = ()) -> Callable[[], Rows]:
        if self.sequential:
            named = tuple(dict.fromkeys((*named, "sequence")))

        def run(rows: NDArray[np.int64], inputs: Inputs) -> tuple[NDArray[np.int64], NetworkOutput]:
            return rows, self.backend.run(*inputs, named=named)

        # Inputs are made here and not by the workers: numpy lets go of the interpreter again and again, and a worker
        # would wait for it each time.
        batches = list(self.batches(encoded))
        answers = self.each(run, batches, (self.inputs(encoded, rows) for rows in batches))
        return lambda: self._gathered(encoded, answers)

    def _gathered(self, encoded: Encoded, answers: Iterable[tuple[NDArray[np.int64], NetworkOutput]]) -> Rows:
        """Return the outputs of the batches in the order of the texts."""
        count, lengths = len(encoded.tokens), encoded.tokens.lengths
        probabilities = np.empty((count, len(self.labels)), dtype=np.float32)
        attention: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * count
        others: list[Mapping[str, NDArray[Any]]] = [NOTHING] * count
        for rows, result in answers:
            probabilities[rows] = result.probabilities
            places, sizes = rows.tolist(), lengths[rows].tolist()
            for row, length, weights in zip(places, sizes, result.attention, strict=True):
                attention[row] = weights[:length].copy()  # a view would keep the whole batch in memory
            if result.named:
                for index, (row, length) in enumerate(zip(places, sizes, strict=True)):
                    others[row] = {
                        name: values[index][self._real(name, length)].copy() for name, values in result.named.items()
                    }
        return Rows(probabilities, attention, others, np.flatnonzero(encoded.empty).tolist(), encoded.truncated)

    def _real(self, name: str, length: int) -> tuple[slice, ...]:
        """Return what cuts the padding off one row of a named output."""
        return tuple(slice(length if axis == "time" else None) for axis in self.backend.axes[name][1:])


def _loaded_again(kind: type[Classifier], origin: str | Path, options: Mapping[str, Any], version: str) -> Classifier:
    classifier = kind.load(origin, **options)
    if classifier.bundle.version != version:
        raise BundleError(f"{origin} holds another model by now", fix="load that one, or keep the old one elsewhere")
    return classifier


def listed(texts: Iterable[str]) -> list[str]:
    """Return texts as a list: of a list, a column of a table, or whatever yields strings.

    Raises TypeError for one string, each letter of which is a text too, for a whole table or a mapping, which yield the
    names of their columns, and for an item that is no string.
    """
    if isinstance(texts, str | bytes | bytearray):
        raise TypeError(
            f"texts is one {'string' if isinstance(texts, str) else 'string of bytes'}; pass a list, [text]"
        )
    if isinstance(texts, Mapping) or any(hasattr(texts, name) for name in ("columns", "column_names")):
        raise TypeError(f"texts is a {type(texts).__name__}; pass one column of it, such as texts['text']")
    # The items of Arrow's arrays are no strings, but can be had as such.
    items: list[str] = list(texts.to_pylist() if hasattr(texts, "to_pylist") else texts)
    if not set(map(type, items)) <= {str}:
        for index, item in enumerate(items):
            if not isinstance(item, str):
                raise TypeError(f"texts[{index}] is {reprlib.repr(item)}, not a string; leave it out, or pass ''")
    return items
