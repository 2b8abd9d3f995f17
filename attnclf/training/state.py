"""What a training reports on its way, how it ends, and what a checkpoint holds of its progress."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

Ending = Literal["all epochs", "no better", "time limit", "interrupted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One line of the learning curve; losses are means per row, seconds count from the start of training."""

    epoch: int
    step: int
    train_loss: float
    valid_loss: float
    valid_score: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where training is after a step; `finished` is set when an epoch was validated.

    In the stage "words" the network pretrains on texts alone (`training.pretraining`), and nothing is validated.
    `before` counts the steps of the training that this one follows (`training.self_training`).
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    seconds: float
    finished: Epoch | None = None
    stage: Literal["words", "labels"] = "labels"
    before: int = 0


@dataclass(slots=True, kw_only=True)
class TrainingState:
    """How far a training is, and the best it has reached. A checkpoint adds weights and optimizer.

    `epoch` and `batch` count what is finished, `loss_sum` and `rows` belong to the epoch that is not. `seconds` is the
    whole time so far, `begun` its value before the first step on labels.
    """

    before: int = 0
    begun: float = 0.0
    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    loss_sum: float = 0.0
    rows: int = 0
    best_score: float = -math.inf
    best_loss: float = math.inf
    since_best: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    def progress(self, epochs: int, steps: int, finished: Epoch | None) -> Progress:
        """Return what is reported now; `epochs` and `steps` are those planned."""
        return Progress(
            epoch=self.epoch + 1,
            epochs=epochs,
            step=self.step,
            steps=steps,
            loss=self.loss_sum / max(self.rows, 1),
            seconds=self.seconds,
            finished=finished,
            before=self.before,
        )

    def is_best(self, epoch: Epoch) -> bool:
        """Add an epoch to the history, and return whether it is the best so far: by its score, then by its loss."""
        better = (epoch.valid_score, -epoch.valid_loss) > (self.best_score, -self.best_loss)
        if better:
            self.best_score, self.best_loss, self.since_best = epoch.valid_score, epoch.valid_loss, 0
        else:
            self.since_best += 1
        return better


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a training ended: the learning curve (the fields of an `Epoch` each), why it stopped, and its seconds."""

    history: list[dict[str, Any]]
    ending: Ending
    seconds: float
