"""What all stages of a training share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from attnclf.catalog import ARCHITECTURES
from attnclf.config import Config
from attnclf.data.labels import LabelSet
from attnclf.text.numbers import NumberReader
from attnclf.text.tokenizer import Tokenizer
from attnclf.training.distributed import Ranks
from attnclf.training.limits import Limits
from attnclf.training.state import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingContext:
    """Settings, labels, tokenizer, device, processes, time and listeners.

    `unlabeled` are texts without labels. `candidates` are those of them that get pseudo-labels, from which a second
    network learns too. Checkpoints are written next to `out`.
    """

    config: Config
    labels: LabelSet
    tokenizer: Tokenizer | NumberReader
    unlabeled: Sequence[str]
    candidates: Sequence[str]
    device: torch.device
    ranks: Ranks
    out: Path
    say: Callable[[str], None]
    watch: Callable[[Progress], None]
    limits: Limits

    @property
    def reads_ngrams(self) -> bool:
        """Whether a linear model over n-grams is trained in addition to the network."""
        return self.config.model.ngrams.features > 0

    @property
    def sequential(self) -> bool:
        """Whether the network emits labels one after the other."""
        return ARCHITECTURES[self.config.model.architecture].sequential

    def interrupted(self) -> bool:
        """Return, to all processes alike, whether anyone asked to stop."""
        return self.ranks.agreed(0.0, self.limits.interrupted.requested)[1]
