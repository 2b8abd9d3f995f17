"""What methods get to see: a question about one text, and a judge who says what the model makes of edited texts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from attnclf.runtime.backend import NetworkOutput
from attnclf.runtime.classifier import Classifier, Encoded, Prediction
from attnclf.text.ragged import UNKNOWN_ID, Ragged

if TYPE_CHECKING:
    from attnclf.explain.gradients import Slopes

Ids = NDArray[np.int64]

FEW = 16  # texts at a time of which many edited copies are made


class Weights(NamedTuple):
    """What a method says of one text: a number for each unit.

    Unsigned ones are shares, at least 0 with sum 1 (less under a local alignment, 0 where no word counts); signed ones
    are in units of `Question.value`. `error` is the standard error of each, where they are sampled; `gap` how far their
    sum is from what it should be, where it should be something.
    """

    values: NDArray[np.floating]
    error: NDArray[np.floating] | None = None
    gap: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Why does a text have this label, or this label rather than that? `label` and `against` are places of labels.

    `ids` (units,) are what the network read, unknown words numbered from the size of the vocabulary on. `independent`
    tells that each label has a probability of its own, the sigmoid of its logit. `seed` is for what is drawn at random,
    the same for the same text whatever stands beside it.
    """

    ids: Ids
    prediction: Prediction
    label: int
    against: int | None = None
    independent: bool = False
    seed: int = 0

    def value(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the number that signed methods explain: (…, labels) → (…).

        It is the log-odds ln p / (1 - p) of the label, which unlike p does not saturate, and unlike a logit under a
        softmax does not rise when all labels do; or with `against` the difference of two logits,
        ln p_label / p_against under a softmax and the difference of their log-odds where labels are independent.
        """
        exact = logits.astype(np.float64)
        own = exact[..., self.label]
        if self.against is not None:
            value: NDArray[np.float64] = own - exact[..., self.against]
            return value
        return own if self.independent else own - self._others(exact)

    def slope(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return ∂ value / ∂ logits: (…, labels) → (…, labels)."""
        exact = logits.astype(np.float64)
        slope = np.zeros_like(exact)
        if self.against is not None:
            slope[..., self.against] = -1
        elif not self.independent:
            # At most 0 but for the label itself, whose place is overwritten.
            slope = -np.exp(np.minimum(exact - self._others(exact)[..., np.newaxis], 0))
        slope[..., self.label] = 1
        return slope

    def probability(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the probability of the label: (…, labels) → (…)."""
        exact = logits.astype(np.float64)
        own = exact[..., self.label]
        other = np.zeros_like(own) if self.independent else self._others(exact)
        probability: NDArray[np.float64] = np.exp(own - np.logaddexp(own, other))
        return probability

    def _others(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithm of the summed exponentials of all labels but this one: (…, labels) → (…)."""
        others = logits.copy()
        others[..., self.label] = -np.inf
        summed: NDArray[np.float64] = np.logaddexp.reduce(others, axis=-1)
        return summed


def asked(
    classifier: Classifier, encoded: Encoded, predictions: Sequence[Prediction], against: str | None = None
) -> list[Question | None]:
    """Return why each text has its best label, rather than `against` where that is given; None for a blank text.

    Where `against` is itself the best label, the question is why not the next best one.
    """
    places = {name: place for place, name in enumerate(classifier.labels)}
    # Numbers of numeric columns, in place of ids, may be larger than any whole number.
    ids, starts = np.clip(encoded.tokens.ids, -(2**62), 2**62).astype(np.int64), encoded.tokens.offsets
    questions: list[Question | None] = []
    for row, prediction in enumerate(predictions):
        if prediction.label is None:
            questions.append(None)
            continue
        label = places[prediction.label]
        other = None if against is None else places[against]
        if other == label:
            order = np.argsort(-prediction.probabilities, kind="stable")
            other = int(order[order != label][0])
        own = ids[starts[row] : starts[row + 1]]
        questions.append(
            Question(
                ids=own,
                prediction=prediction,
                label=label,
                against=other,
                independent=classifier.multi_label,
                seed=crc32(np.where(own < classifier.tokenizer.size, own, UNKNOWN_ID).tobytes()),
            )
        )
    return questions


def questions_about(classifier: Classifier, texts: Sequence[str], named: Sequence[str] = ()) -> list[Question]:
    """Return why each text has its best label, blank texts left out; predictions with these further outputs."""
    predictions = classifier.predict(texts, named=named)
    return [question for question in asked(classifier, classifier.encoded(texts), predictions) if question]


class Said(NamedTuple):
    """What a model says of an edited row: logits (labels,), and what each unit that is left adds, (units, labels).

    That is the `evidence` of the network, and the `contributions` of the n-grams beside it where there are some.
    """

    logits: NDArray[np.float32]
    added: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Judge:
    """What may be asked of a model: of rows of ids `logits` (rows, labels), or `evidence` too; on demand its `slopes`.

    A row without ids is judged as one unknown word, as a blank text is.
    """

    logits: Callable[[Sequence[Ids]], NDArray[np.float32]]
    evidence: Callable[[Sequence[Ids]], list[Said]]
    slopes: Callable[[], "Slopes"]

    @classmethod
    def of(cls, classifier: Classifier, encoded: Encoded) -> "Judge":
        """Return the judge of edited rows of these texts."""

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
    places = [different.setdefault(row.tobytes(), len(different)) for row in rows]
    logits = np.empty((len(different), len(classifier.labels)), dtype=np.float32)
    for batch, said in _run(classifier, char_ngrams, [np.frombuffer(row, dtype=np.int64) for row in different]):
        logits[batch] = said.logits
    return logits[places]


def _evidence(classifier: Classifier, char_ngrams: Ragged, rows: Sequence[Ids]) -> list[Said]:
    names = [name for name in ("evidence", "contributions") if name in classifier.backend.axes]
    found: dict[int, Said] = {}
    for batch, said in _run(classifier, char_ngrams, rows, names):
        added = sum((said.named[name] for name in names[1:]), start=said.named[names[0]])
        for row, logits, own in zip(batch.tolist(), said.logits, added, strict=True):
            found[row] = Said(logits, own[: len(rows[row])])
    return [found[row] for row in range(len(rows))]


def _run(
    classifier: Classifier, char_ngrams: Ragged, rows: Sequence[Ids], named: Sequence[str] = ()
) -> Iterator[tuple[Ids, NetworkOutput]]:
    """Yield what the exported network says of batches of rows, with their places."""
    encoded = Encoded(Ragged.of(rows).filled(classifier.tokenizer.blank), char_ngrams, [], [])

    def run(batch: Ids) -> tuple[Ids, NetworkOutput]:
        return batch, classifier.backend.run(*classifier.inputs(encoded, batch), named=named)

    return classifier.each(run, list(classifier.batches(encoded)))
