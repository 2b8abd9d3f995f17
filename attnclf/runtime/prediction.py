"""What the model answers for one text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Nothing(Mapping[str, NDArray[Any]]):
    """No outputs: what nobody can add to, and can be pickled."""

    def __getitem__(self, name: str) -> NDArray[Any]:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"


NOTHING = Nothing()


class Prediction(NamedTuple):
    """The labels of one text.

    `chosen` has the best label. With several labels a text, it has those above their thresholds, the best
    first, or those that the network emits, in its order. `label` is the best label, and `score` its probability from 0
    to 1. `probabilities` is float32 (labels,), in the order of the model's labels. `attention` is float32 (tokens,),
    the weight of each token that the network read, and `tokens` has these tokens as parts of the text. `named` has the
    further outputs of the network that were asked for, without padding. `truncated` is whether the text has more
    after the last of these tokens.

    A text with nothing to classify (blank, or only control characters) has no label, score, tokens or attention. The
    arrays are copies: a prediction keeps no other in memory.
    """

    chosen: tuple[str, ...]
    label: str | None
    score: float | None
    probabilities: NDArray[np.float32]
    attention: NDArray[np.float32]
    named: Mapping[str, NDArray[Any]] = NOTHING
    truncated: bool = False
    tokens: Sequence[str] = ()

    def __eq__(self, other: object) -> bool:
        """Compare all fields, arrays by their shapes and values."""
        return isinstance(other, Prediction) and all(map(_same, self, other))

    def __ne__(self, other: object) -> bool:
        return not self == other


def _same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)  # type: ignore[arg-type]
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    return one == other
