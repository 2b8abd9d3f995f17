"""The table from the settings of `training.attention` to the losses they weigh: adding one is a file and a row."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from attnclf.config import AttentionTraining
from attnclf.model.output import Reading
from attnclf.training.objectives.diversity import conicity
from attnclf.training.objectives.ngrams import departure
from attnclf.training.objectives.rationale import disagreement
from attnclf.training.objectives.smoothness import variation
from attnclf.training.objectives.tying import distance


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A batch in training: embedded tokens (batch, time, dim), what the network made of them, the evidence.

    `evidence` (batch, time) is how much each token speaks for the labels; it is None where that is not known.
    """

    vectors: Tensor
    reading: Reading
    evidence: Float[Tensor, "batch time"] | None


class Objective(NamedTuple):
    """A loss of each text (batch,), its formula and where it comes from."""

    loss: Callable[[Seen], Tensor]
    formula: str
    source: str


def _from_evidence(distance: Callable[[Tensor, Tensor, Tensor, str], Tensor], seen: Seen) -> Tensor:
    assert seen.evidence is not None
    reading = seen.reading
    return distance(reading.scores.float(), reading.output.weights.float(), seen.evidence, reading.alignment)


def _diversity(seen: Seen) -> Tensor:
    return conicity(seen.reading.states.float(), seen.reading.keep)


def _tying(seen: Seen) -> Tensor:
    return distance(seen.reading.states.float(), seen.vectors.float(), seen.reading.keep)


def _smoothness(seen: Seen) -> Tensor:
    return variation(seen.reading.output.weights.float(), seen.reading.keep)


OBJECTIVES: dict[str, Objective] = {
    "rationale": Objective(
        partial(_from_evidence, disagreement),
        "KL(even over marked tokens ‖ a), or the Fenchel-Young loss of a sparse alignment",
        "Mathew et al. 2021, sec. 4.2; Blondel et al. 2020",
    ),
    "ngrams": Objective(
        partial(_from_evidence, departure),
        "the same, a sparse one over Ω(p), p as much as n-grams give to the right labels or half of what they take",
        "after Zou et al. 2018, whose weights are those of a lexicon",
    ),
    "diversity": Objective(_diversity, "mean cosine of h_t with the mean state", "Mohankumar et al. 2020, sec. 3.1"),
    "tying": Objective(_tying, "mean ‖h_t − e_t‖²", "Tutek & Šnajder 2020"),
    "smoothness": Objective(_smoothness, "Σ_t |a_t − a_(t−1)|", "Lei et al. 2016, sec. 3"),
}


def attention_weights(settings: AttentionTraining, *, source: str | None) -> dict[str, float]:
    """Return the weights of what is asked for by name; `source` is what the evidence is from, None without evidence."""
    others = {"rationale", "ngrams"} - {source}
    weights = {name: getattr(settings, name) for name in OBJECTIVES}
    return {name: weight for name, weight in weights.items() if weight and name not in others}


def attention_loss(weights: dict[str, float], seen: Seen, row_weights: Float[Tensor, " batch"]) -> Tensor:
    """Return what is added to the loss of the labels: the weighted sum of the losses asked for, their mean over texts.

    Texts count as they do for the labels (`row_weights`). A text without rationale has a loss of 0 and counts in the
    mean. So each marked text counts the same, however many others are in its batch.
    """
    losses: Tensor = sum(weight * OBJECTIVES[name].loss(seen) for name, weight in weights.items())  # type: ignore[assignment]
    return (losses * row_weights).sum() / row_weights.sum().clamp_min(1e-30)
