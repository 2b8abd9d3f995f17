"""Training a network on prepared data: batches of similar length, epoch after epoch; the best epoch is kept.

`Trainer.fit` is a function of (network, examples, settings, seed) and writes no file. On one machine and the CPU it
repeats bit for bit, also when it was killed and resumed. To that end every epoch draws its order and its dropout from
(seed, epoch), and a checkpoint has the position inside the epoch with the state of torch's generator.
"""

import copy
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attnclf.data.batches import shuffled
from attnclf.errors import TrainingError
from attnclf.training.distributed import ALONE, Ranks
from attnclf.training.limits import Interrupted
from attnclf.training.optimizer import learning_rate_factor
from attnclf.training.prediction import predict, validation_score
from attnclf.training.preparation import PreparedData
from attnclf.training.state import Ending, Epoch, Outcome, Progress, TrainingState
from attnclf.training.step import Step
from attnclf.training.transfer import arriving, behind

SAVE_EVERY = 60.0  # seconds between checkpoints inside an epoch

Save = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """A trained network, and what it predicts for the validation rows.

    The network of `data` is on the CPU, in evaluation mode, with the weights of its best epoch. `logits` (rows, labels)
    are float32 on the CPU, not calibrated; of several processes only the first one has them, for the others they are
    empty.
    """

    data: PreparedData
    logits: Tensor
    outcome: Outcome

    @property
    def best(self) -> tuple[float, float]:
        """Score (0 to 1) and negative loss of the best epoch on the validation rows."""
        return max((epoch["valid_score"], -epoch["valid_loss"]) for epoch in self.outcome.history)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint holds of it."""
        return {"network": self.data.network.state_dict(), "said": self.logits, "outcome": asdict(self.outcome)}

    @classmethod
    def from_state(cls, data: PreparedData, state: dict[str, Any]) -> "FitResult":
        """Return the result whose `state_dict` this is, of the same data."""
        data.network.load_state_dict(state["network"])
        return cls(data=data, logits=state["said"], outcome=Outcome(**state["outcome"]))


class Trainer:
    """Trains the network of prepared data; `state` is where it is, and may be set before `fit`.

    `ranks` are the processes that train together; `save` receives the state of a checkpoint: before the first step
    where `save_first`, after every epoch, every minute, and when training is interrupted. `time_limit` are seconds, and
    without it those of the settings.
    """

    def __init__(
        self,
        data: PreparedData,
        device: torch.device,
        *,
        ranks: Ranks = ALONE,
        save: Save = lambda state: None,
        save_first: bool = False,
        time_limit: float | None = None,
        watch: Callable[[Progress], None] = lambda progress: None,
        interrupted: Interrupted | None = None,
    ) -> None:
        self.data, self.device, self.ranks = data, device, ranks
        self.save, self.save_first, self.watch = save, save_first, watch
        self.interrupted = interrupted or Interrupted()
        self.config, rows = data.config.training, len(data.examples)
        self.time_limit = self.config.time_limit if time_limit is None else time_limit
        self.step = Step(data.network.to(device), data.examples, self.config, data.label_weights, device, ranks)
        self.state = TrainingState()
        self.best = copy.deepcopy(data.network.state_dict())
        self.best_logits: Tensor | None = None  # of the validation rows, where this process predicted them
        self.losses: deque[tuple[Callable[[], Tensor], int, int]] = deque()  # still to be counted: loss, rows, step
        self.start = 0.0  # when training would have begun, had it never been interrupted
        self.batch_size = max(min(self.config.batch_size, rows // 64), min(self.config.batch_size, 8))
        batches = math.ceil(rows / self.batch_size)
        self.epochs = max(self.config.epochs, math.ceil(self.config.min_steps / batches))
        self.steps = self.epochs * batches

    def fit(self) -> FitResult:
        """Train to the end, and leave the best weights in the network.

        Raises TrainingError when the loss is not finite, or another process of this training has ended.
        """
        state = self.state
        self.start = time.monotonic() - state.seconds
        ending = self._ending()
        if ending is None and self.save_first and not state.step:
            self._save()
        while ending is None:
            ending = self._epoch()
            self.watch(state.progress(self.epochs, self.steps, self._validate()))
            state.epoch, state.batch, state.loss_sum, state.rows = state.epoch + 1, 0, 0.0, 0
            state.seconds, _ = self.ranks.agreed(time.monotonic() - self.start, False)
            if ending != "interrupted":
                self._save()
            ending = ending or self._ending()
        network, logits = self.data.network, torch.empty(0)
        network.load_state_dict(self.best)
        network.eval()
        if self.ranks.leads:
            logits = (
                predict(self.step, network, self.data.validation).logits
                if self.best_logits is None
                else self.best_logits
            )
        network.cpu()
        outcome = Outcome(history=state.history, ending=ending, seconds=state.seconds)
        return FitResult(data=self.data, logits=logits, outcome=outcome)

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint. Raises TrainingError for one that this number of processes cannot use."""
        self.step.load_state_dict(state)
        self.best = state["best"]
        self.state = TrainingState(**state["place"])
        generators = state["generators"]
        torch.set_rng_state(generators[self.ranks.rank % len(generators)])

    def _save(self) -> None:
        generators = self.ranks.each(torch.get_rng_state())
        if self.ranks.leads:
            self.save(
                {**self.step.state_dict(), "best": self.best, "place": asdict(self.state), "generators": generators}
            )

    def _ending(self) -> Ending | None:
        if self.state.epoch >= self.epochs:
            return "all epochs"
        return "no better" if self.state.since_best >= self.config.patience else None

    def _epoch(self) -> Ending | None:
        """Go through the rows once, or what is left of them; return why training must end here, if it must."""
        state, seed, limit = self.state, self.config.seed, self.time_limit
        order = np.random.default_rng([seed, state.epoch])
        batches = shuffled(self.data.examples.tokens.lengths, self.batch_size, order)
        if state.batch == 0:
            torch.manual_seed(seed * 1_000_003 + state.epoch + self.ranks.rank * 10**12)
        self.data.network.train()
        saved = state.seconds
        for rows in batches[state.batch :]:
            loss = self.step.take(rows, self._learning_rate())
            self.losses.append((arriving(loss), len(rows), state.step + 1))
            state.batch += 1
            state.step += 1
            self._count_losses(behind(self.device))
            state.seconds = time.monotonic() - self.start
            self.watch(state.progress(self.epochs, self.steps, None))
            state.seconds, stop = self.ranks.agreed(state.seconds, self.interrupted.requested)
            late = limit is not None and state.seconds >= limit
            due = state.seconds - saved > SAVE_EVERY and state.batch < len(batches)
            if stop or late or due:
                self._count_losses(0)
            if stop or (due and not late):
                self._save()
                saved = state.seconds
            if stop or late:
                return "interrupted" if stop else "time limit"
        self._count_losses(0)
        return None

    def _count_losses(self, left: int) -> None:
        """Add the losses up, but for the last `left`. Raises TrainingError for one that is not finite."""
        while len(self.losses) > left:
            loss, rows, step = self.losses.popleft()
            value = float(loss())
            if not math.isfinite(value):
                raise TrainingError(
                    f"training diverged: the loss is {value} at step {step}",
                    fix=f"lower the learning rate: --set training.learning_rate={self.config.learning_rate / 4:g}",
                )
            self.state.loss_sum += value * rows
            self.state.rows += rows

    def _validate(self) -> Epoch:
        """Score the network (its average, if there is one) on the validation rows and keep it if it is the best."""
        if self.step.optimizer.table:
            self.step.optimizer.table.catch_up()
        state, network, rows = self.state, self.step.averaged_network, self.data.validation
        logits: Tensor | None = None

        def score() -> tuple[float, float]:
            nonlocal logits
            predictions = predict(self.step, network, rows)
            logits = predictions.logits
            return predictions.loss, validation_score(rows.targets, predictions)

        loss, valid_score = self.ranks.first(score)
        finished = Epoch(
            epoch=state.epoch + 1,
            step=state.step,
            train_loss=state.loss_sum / max(state.rows, 1),
            valid_loss=loss,
            valid_score=valid_score,
            seconds=state.seconds,
        )
        state.history.append(asdict(finished))
        if state.is_best(finished):
            self.best = {name: value.detach().clone() for name, value in network.state_dict().items()}
            self.best_logits = logits
        return finished

    def _learning_rate(self) -> float:
        state, limit = self.state, self.time_limit
        progress = state.step / self.steps
        if limit is not None:
            progress = max(progress, (state.seconds - state.begun) / max(limit - state.begun, 1e-9))
        factor = learning_rate_factor(min(progress + 1 / self.steps, 1.0), self.config.warmup)
        return self.config.learning_rate * factor
