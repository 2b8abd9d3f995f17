"""Edited copies of a text that was read, and the model's output for them. Ids are edited, never the text."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnclf.explain.target import Ids
from attnclf.runtime.backend import NetworkOutput
from attnclf.runtime.classifier import Classifier, Encoded
from attnclf.text.ragged import UNKNOWN_ID, Ragged

if TYPE_CHECKING:
    from attnclf.explain.gradients import Slopes

Removal = Literal["delete", "mask"]


def delete(ids: NDArray[np.int64], keep: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Delete tokens; those after them move up. None may be left (as in DeYoung et al. 2020)."""
    return ids[keep]


def mask(ids: NDArray[np.int64], keep: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Replace tokens by the unknown word, without letters; the text keeps its length."""
    return np.where(keep, ids, UNKNOWN_ID)


REMOVALS: dict[Removal, Callable[[NDArray[np.int64], NDArray[np.bool_]], NDArray[np.int64]]] = {
    "delete": delete,
    "mask": mask,
}


class Scored(NamedTuple):
    """The output of a model for an edited row: logits (labels,), and what each remaining token adds, (tokens, labels).

    That is the `evidence` of the network, plus the `contributions` of the n-grams if the model has some.
    """

    logits: NDArray[np.float32]
    added: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PerturbationScorer:
    """Runs a model on edited rows of ids: `logits` (rows, labels), or logits with `evidence`; `slopes` on demand.

    A row without ids is read as one unknown word, like a blank text.
    """

    logits: Callable[[Sequence[Ids]], NDArray[np.float32]]
    evidence: Callable[[Sequence[Ids]], list[Scored]]
    slopes: Callable[[], "Slopes"]

    @classmethod
    def of(cls, classifier: Classifier, encoded: Encoded) -> "PerturbationScorer":
        """Return the scorer for edited rows of these texts."""

        def slopes() -> "Slopes":
            from attnclf.explain.gradients import Slopes

            return Slopes.of(classifier)

        return cls(
            lambda rows: _logits(classifier, encoded.char_ngrams, rows),
            lambda rows: _evidence(classifier, encoded.char_ngrams, rows),
            slopes,
        )


def _logits(classifier: Classifier, char_ngrams: Ragged, rows: Sequence[Ids]) -> NDArray[np.float32]:
    """Run rows of ids through the exported network, each different row once."""
    different: dict[bytes, int] = {}
    indices = [different.setdefault(row.tobytes(), len(different)) for row in rows]
    logits = np.empty((len(different), len(classifier.labels)), dtype=np.float32)
    for batch, output in _run(classifier, char_ngrams, [np.frombuffer(row, dtype=np.int64) for row in different]):
        logits[batch] = output.logits
    return logits[indices]


def _evidence(classifier: Classifier, char_ngrams: Ragged, rows: Sequence[Ids]) -> list[Scored]:
    names = [name for name in ("evidence", "contributions") if name in classifier.backend.axes]
    found: dict[int, Scored] = {}
    for batch, output in _run(classifier, char_ngrams, rows, names):
        added = sum((output.named[name] for name in names[1:]), start=output.named[names[0]])
        for row, logits, own in zip(batch.tolist(), output.logits, added, strict=True):
            found[row] = Scored(logits, own[: len(rows[row])])
    return [found[row] for row in range(len(rows))]


def _run(
    classifier: Classifier, char_ngrams: Ragged, rows: Sequence[Ids], named: Sequence[str] = ()
) -> Iterator[tuple[Ids, NetworkOutput]]:
    """Yield the output of the exported network for batches of rows, with the indices of these."""
    encoded = Encoded(Ragged.of(rows).filled(classifier.tokenizer.blank), char_ngrams, [], [])

    def run(batch: Ids) -> tuple[Ids, NetworkOutput]:
        return batch, classifier.backend.run(*classifier.inputs(encoded, batch), named=named)

    return classifier.each(run, list(classifier.batches(encoded)))
