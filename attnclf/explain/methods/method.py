"""The row of an explanation method."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from attnclf.explain.perturbation import PerturbationScorer, Removal
from attnclf.explain.target import ExplanationTarget
from attnclf.explain.types.weights import Weights

CONTRIBUTIONS = "contributions"  # the output of a `Mixture` with what its n-grams add


class Method(NamedTuple):
    """An explanation method: its function, what it needs and what it can do.

    - `weigh` takes targets and a scorer, and returns the weights of each target.
    - `meaning` is what a weight is, in a few words.
    - `signed`: weights are for or against the label; those of other methods are the same for every label.
    - `order`: where lists name the method; the table is sorted by it.
    - `outputs`: named outputs of the network that the predictions must have.
    - `removal`: how tokens are taken out of the text, None for a method that takes out none.
    - `torch`: needs gradients of the network, which torch computes.
    - `each`: runs the network once for each token, so that time grows with the square of the length.
    - `scored`: cheap enough to be scored in training, and a candidate for `auto`.
    """

    weigh: Callable[[Sequence[ExplanationTarget], PerturbationScorer], list[Weights]]
    meaning: str
    signed: bool
    order: int = 1000
    outputs: tuple[str, ...] = ()
    removal: Removal | None = None
    torch: bool = False
    each: bool = False
    scored: bool = False

    def named(self, axes: Mapping[str, object]) -> list[str]:
        """Return the outputs to predict: those it needs, and what the n-grams add if the model has some."""
        return sorted({CONTRIBUTIONS} & axes.keys() | set(self.outputs))
