"""The row of an explanation method."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from attnclf.errors import ConfigError
from attnclf.explain.perturbation import PerturbationScorer, Removal
from attnclf.explain.target import ExplanationTarget
from attnclf.explain.types.weights import Weights

Weigh = Callable[[Sequence[ExplanationTarget], PerturbationScorer], list[Weights]]

CONTRIBUTIONS = "contributions"  # the output of a `Mixture` with what its n-grams add


class Method(NamedTuple):
    """An explanation method: its function, what it needs and what it can do.

    - `weigh` takes targets and a scorer, and returns the weights of each target, (tokens,).
    - `meaning` is what a weight is, in a few words.
    - `signed`: weights are for or against the label; those of other methods are the same for every label.
    - `order`: where lists name the method; the table is sorted by it.
    - `outputs`: named outputs of the network that the predictions must have.
    - `removal`: how tokens are taken out of the text, None for a method that takes out none.
    - `torch`: needs gradients of the network, which torch computes.
    - `each`: runs the network once for each token, so that time grows with the square of the length.
    - `scored`: cheap enough to be scored in training, and a candidate for `auto`.
    """

    weigh: Weigh
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


METHODS: dict[str, Method] = {}


def register_method(name: str, method: Method) -> None:
    """Add an explanation method that `explain --method` and `explain(method=...)` may name.

    `method.weigh(targets, scorer)` returns `Weights` of (tokens,) for each `ExplanationTarget`. `scorer.logits(rows)`
    returns the logits of edited rows of ids. Raises ConfigError for a name that is taken.
    """
    if name in METHODS or name == "auto":
        raise ConfigError(f"there is a method {name!r} already", fix="register yours under another name")
    METHODS[name] = method


def explanation_method(name: str, meaning: str, **row: Any) -> Callable[[Weigh], Weigh]:
    """Register the decorated function as a method; `row` are the other fields of `Method`."""

    def registered(weigh: Weigh) -> Weigh:
        register_method(name, Method(weigh, meaning, **row))
        return weigh

    return registered
