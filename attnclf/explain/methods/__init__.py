"""Ways to weigh the units of a text, one small file each, one signature, one table."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from attnclf.bundle import Bundle
from attnclf.errors import ConfigError
from attnclf.explain.methods.attention import attention
from attnclf.explain.methods.attention_norm import attention_norm
from attnclf.explain.methods.attention_x_gradient import attention_x_gradient
from attnclf.explain.methods.baselines import random, uniform
from attnclf.explain.methods.erasure_search import erasure_search
from attnclf.explain.methods.gradient_x_input import gradient_x_input
from attnclf.explain.methods.integrated_gradients import integrated_gradients
from attnclf.explain.methods.kernel_shap import kernel_shap
from attnclf.explain.methods.leave_one_out import leave_one_out
from attnclf.explain.methods.ngrams import ngrams
from attnclf.explain.methods.occlusion import occlusion
from attnclf.explain.perturbation import PerturbationScorer, Removal
from attnclf.explain.target import ExplanationTarget
from attnclf.explain.types.weights import Weights

CONTRIBUTIONS = "contributions"  # the output of a `Mixture` that says what its n-grams add
VECTORS = ("temporal", "feed-forward", "self-attention", "recurrent-self-attention")  # differentiable from units on


class Method(NamedTuple):
    """One row: the function, and what it can do and needs.

    `weigh` takes targets and a scorer and returns weights for each. `signed` ones say what speaks for the label and
    what against it; the others are the same for every label. `outputs` are the named outputs of the network that the
    predictions must have; `removal` tells how units are taken out of the text, None where none are. `torch`: runs the
    network there. `each`: runs it once for each unit, so that time grows with the square of the length. `scored`: cheap
    enough to be scored while training, and a candidate for `auto`.
    """

    weigh: Callable[[Sequence[ExplanationTarget], PerturbationScorer], list[Weights]]
    meaning: str
    signed: bool
    outputs: tuple[str, ...] = ()
    removal: Removal | None = None
    torch: bool = False
    each: bool = False
    scored: bool = False

    def named(self, axes: Mapping[str, object]) -> list[str]:
        """Return the outputs to ask for: those it must have, and what the n-grams add where the model has some."""
        return sorted({CONTRIBUTIONS} & axes.keys() | set(self.outputs))


METHODS: dict[str, Method] = {
    "attention": Method(attention, "what the network looked at", signed=False, scored=True),
    "attention-norm": Method(
        attention_norm, "attention times the length of the state", signed=False, outputs=("value_norms",), scored=True
    ),
    "attention-x-gradient": Method(
        attention_x_gradient,
        "what each state adds by way of its attention",
        signed=True,
        outputs=("evidence",),
        scored=True,
    ),
    "ngrams": Method(
        ngrams, "what each word adds by way of the n-grams", signed=True, outputs=("contributions",), scored=True
    ),
    "leave-one-out": Method(
        leave_one_out, "the fall when a unit is deleted", signed=True, removal="delete", each=True, scored=True
    ),
    "erasure-search": Method(
        erasure_search,
        "the fall when units are deleted step by step",
        signed=True,
        outputs=("evidence",),
        removal="delete",
        scored=True,
    ),
    "occlusion": Method(
        occlusion, "the fall when a span is masked", signed=True, removal="mask", each=True, scored=True
    ),
    "kernel-shap": Method(kernel_shap, "the mean gain over many masked texts", signed=True, removal="mask"),
    "gradient-x-input": Method(gradient_x_input, "the slope along each input", signed=True, torch=True),
    "integrated-gradients": Method(
        integrated_gradients, "that slope on the way from nothing to the text", signed=True, torch=True
    ),
    "random": Method(random, "chance", signed=False),
    "uniform": Method(uniform, "every unit alike", signed=False),
}


def working(bundle: Bundle, axes: Mapping[str, object]) -> list[str]:
    """Return the names of the methods that make sense for a model; `axes` has its named outputs."""
    return [name for name, row in METHODS.items() if not _hindrance(row, bundle, axes)]


def speaking(bundle: Bundle, axes: Mapping[str, object]) -> list[str]:
    """Return the names of the signed ones among them, which say for which label a word speaks."""
    return [name for name in working(bundle, axes) if METHODS[name].signed]


def method_for(name: str, bundle: Bundle, axes: Mapping[str, object]) -> Method:
    """Return the row of a method; raises ConfigError, with those that work, for one unknown or without sense here."""
    choices = ", ".join(working(bundle, axes))
    if name not in METHODS:
        raise ConfigError(f"unknown method {name!r}", fix=f"use one of: {choices}, auto")
    why = _hindrance(METHODS[name], bundle, axes)
    if why:
        raise ConfigError(f"method {name} {why}", fix=f"use one of: {choices}")
    return METHODS[name]


def _hindrance(row: Method, bundle: Bundle, axes: Mapping[str, object]) -> str:
    """Say why a method makes no sense for a model; nothing where it does."""
    if row.removal and bundle.columns:
        return "takes words out of a text, and this model reads numeric columns"
    if row.torch and bundle.architecture not in VECTORS:
        return f"needs a gradient down to each unit, and a {bundle.architecture} model has none"
    missing = [output for output in row.outputs if output not in axes]
    return f"needs {missing[0]} of the network, which this model does not give" if missing else ""
