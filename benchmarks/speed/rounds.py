"""Measuring in turns: A B C A B C …, so that other load affects all equally, and ratios by round."""

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, with the least and the greatest."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Summarise the rounds."""
        return cls(statistics.median(values), min(values), max(values))

    def shown(self, digits: int = 0) -> str:
        """Return `median (min to max)`."""
        return f"{self.median:,.{digits}f} ({self.min:,.{digits}f} to {self.max:,.{digits}f})"


def in_turns(contenders: Mapping[str, Callable[[], T]], rounds: int, *, unmeasured: int = 1) -> dict[str, list[T]]:
    """Let each contender measure itself once a round; the first `unmeasured` rounds only warm up."""
    results: dict[str, list[T]] = {name: [] for name in contenders}
    for number in range(-unmeasured, rounds):
        for name, measure in contenders.items():
            measured = measure()
            if number >= 0:
                results[name].append(measured)
            counted = f"round {number + 1} of {rounds}" if number >= 0 else "warming up"
            print(f"  {counted}: {name}: {_brief(measured)}", file=sys.stderr, flush=True)
    return results


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Return ours / theirs, each round with itself."""
    return Spread.of([one / other for one, other in zip(ours, theirs, strict=True)])


def _brief(measured: object) -> str:
    if isinstance(measured, float):
        return f"{measured:,.4g}"
    if isinstance(measured, dict):
        return ", ".join(f"{name} {_brief(value)}" for name, value in measured.items())
    return ", ".join(map(_brief, measured)) if isinstance(measured, tuple) else str(measured)
