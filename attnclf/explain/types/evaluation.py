"""The figures of many explanations by several methods, as values that print themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnclf.evaluation.intervals import Mean
from attnclf.explain.perturbation import Removal
from attnclf.explain.types.drawable import Drawable

FLOOR = "random"  # the method that stands beside all others
SHARES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # of the words, for the curve; `BINS` and more


class Plausible(NamedTuple):
    """How far a method points at what people marked: means over texts, and for spans the F1 of mean P and mean R."""

    auprc: Mean
    token_f1: Mean
    iou_f1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """The figures of one method.

    `left` (1 + shares,) is the mean probability of the label of the whole texts, and when each of `SHARES` of the words
    is deleted, the heaviest first. `tau` is None for leave-one-out itself, and where no text has two different weights;
    `plausible` where no text has marks. `milliseconds` is for a text, its prediction included. `each` (texts,) is the
    comprehensiveness of each text by deletion, for comparing two methods on the same texts.
    """

    comprehensiveness: Mapping[Removal, Mean]
    sufficiency: Mapping[Removal, Mean]
    left: NDArray[np.float64]
    tau: Mean | None
    plausible: Plausible | None
    milliseconds: float
    each: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return {
            "comprehensiveness": {removal: mean._asdict() for removal, mean in self.comprehensiveness.items()},
            "sufficiency": {removal: mean._asdict() for removal, mean in self.sufficiency.items()},
            "curve": self.left.tolist(),
            "tau": self.tau and self.tau._asdict(),
            "plausibility": self.plausible
            and {
                "auprc": self.plausible.auprc._asdict(),
                "token_f1": self.plausible.token_f1._asdict(),
                "iou_f1": self.plausible.iou_f1,
            },
            "milliseconds": self.milliseconds,
        }


class Permutation(NamedTuple):
    """The attention-permutation test over `texts` texts, as `permutation.Shift` defines it for one."""

    texts: int
    distance: Mean
    changed: float

    def to_dict(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return {"texts": self.texts, "distance": self.distance._asdict(), "changed": self.changed}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation(Drawable):
    """The methods of a model over `texts` texts, of which `marked` have words that people marked.

    `permutation` is the reason in words where the test cannot be made. `share` of the words of a text count as chosen
    by a method: the mean share that is marked. An evaluation prints itself.
    """

    texts: int
    marked: int
    share: float | None
    methods: Mapping[str, Worth]
    permutation: Permutation | str

    def to_dict(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        test = self.permutation
        return {
            "texts": self.texts,
            "marked": self.marked,
            "marked_share": self.share,
            "methods": {name: worth.to_dict() for name, worth in self.methods.items()},
            "curve_shares": [0.0, *SHARES],
            "permutation": {"skipped": test} if isinstance(test, str) else test.to_dict(),
        }
