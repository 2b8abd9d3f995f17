"""The training loop: batches of similar length, a warmed-up and falling learning rate, the best epoch kept.

One run is a function of (network, examples, settings, seed): on one machine and the CPU it repeats bit for bit, also
when it was killed and resumed. To that end every epoch draws its order and its dropout from (seed, epoch), and a
checkpoint holds the place inside the epoch with the state of torch's generator.
"""

import copy
import math
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from attnclf.config import TrainingConfig
from attnclf.data.batches import shuffled
from attnclf.errors import TrainingError
from attnclf.model.restraint import restraints
from attnclf.text.ragged import UNKNOWN_ID
from attnclf.training import checkpoint, objectives, schedule
from attnclf.training.adversarial import worst_step
from attnclf.training.attention.table import Seen, asked, beside
from attnclf.training.deferred import DeferredAdamW
from attnclf.training.distributed import ALONE, Ranks
from attnclf.training.examples import Examples
from attnclf.training.judging import Judged, in_batches, validation_score
from attnclf.training.limits import Interrupted
from attnclf.training.transfer import arriving, behind, late, sent

SAVE_EVERY = 60.0  # seconds between checkpoints inside an epoch

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
    """Where training stands, told after every step; `finished` is set when an epoch was validated.

    In the stage "words" it learns from texts alone (`training.pretraining`), and nothing is validated. `before` are the
    steps of a training that this one follows (`training.self_training`).
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
class Place:
    """How far a run has come, and the best it has seen: what a checkpoint adds to weights and optimizer."""

    before: int = 0
    begun: float = 0.0  # seconds at which this training began, after what needs no labels or another training
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended: the learning curve, why it stopped, and how long it took in seconds."""

    history: list[dict[str, Any]]
    ending: Ending
    seconds: float


class Run:
    """One training run of a network; `train` leaves the best weights in it."""

    def __init__(
        self,
        network: nn.Module,
        train: Examples,
        valid: Examples,
        config: TrainingConfig,
        label_weights: NDArray[np.float32],
        device: torch.device,
        ranks: Ranks = ALONE,
    ) -> None:
        self.network = network.to(device)
        self.ranks = ranks
        self.train_examples, self.valid_examples = train, valid
        self.config = config
        self.device = device
        self.multi_label = train.targets.ndim == 2
        self.sequential = train.sequences is not None
        if self.sequential:
            self.objective = objectives.sequence_cross_entropy
        elif self.multi_label:
            self.objective = objectives.binary_cross_entropy
        else:
            self.objective = objectives.cross_entropy
        self.label_weights = torch.from_numpy(label_weights).to(device)
        self.counts = train.counts(label_weights)
        self.restraints = restraints(network)
        self.asked = asked(config.attention, source=None if train.evidence is None else train.source)
        self.precision = _precision(config.precision, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision is torch.float16)
        self.averaged: AveragedModel | None = None
        if config.average:
            self.averaged = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(config.average))  # type: ignore[no-untyped-call]
            self.averaged.module.to(device)  # lays the weights of a copied layer side by side, as cuDNN wants them
        self.best = copy.deepcopy(self.network.state_dict())
        self.best_logits: Tensor | None = None  # of the validation rows, where they were judged in this process
        self.place = Place()
        self.kept: dict[str, Any] = {}  # what is needed when this training is over; a checkpoint has it
        self.losses: deque[tuple[Callable[[], Tensor], int, int]] = deque()  # still to be counted: loss, rows, step
        self.prepared = False  # whether what needs no labels, or another training, took time that a checkpoint saves
        self.clock = 0.0  # when training would have begun, had it never been interrupted
        self.batch_size = max(min(config.batch_size, len(train) // 64), min(config.batch_size, 8))
        batches = math.ceil(len(train) / self.batch_size)
        self.epochs = max(config.epochs, math.ceil(config.min_steps / batches))
        self.steps = self.epochs * batches
        self._prepare(
            by_rows=ranks is ALONE and device.type == "cpu" and self.averaged is None and not self.scaler.is_enabled()
        )

    def _prepare(self, *, by_rows: bool) -> None:
        """Make what learns; a table of vectors `by_rows` only where all else that reads or moves it is here."""
        trained = {name: value for name, value in self.network.named_parameters() if value.requires_grad}
        tables = [value for name, value in trained.items() if name.startswith("embedding.")]
        others = [value for name, value in trained.items() if not name.startswith("embedding.")]
        self.table = DeferredAdamW(tables.pop()) if tables and by_rows else None
        # Decay would shrink the vectors of rare words towards nothing between the few steps that see them.
        groups = [{"params": tables, "weight_decay": 0.0}, {"params": others, "weight_decay": self.config.weight_decay}]
        self.optimizer = torch.optim.AdamW(
            [group for group in groups if group["params"]], lr=self.config.learning_rate, fused=True
        )

    def train(
        self, *, out: Path, fingerprint: str, watch: Callable[[Progress], None], interrupted: Interrupted
    ) -> Outcome:
        """Train to the end, writing checkpoints beside `out`. Raises TrainingError when the loss is not finite."""
        place = self.place
        self.clock = time.monotonic() - place.seconds
        ending = self._over()
        if ending is None and self.prepared and not place.step:
            self._save(out, fingerprint)
        while ending is None:
            ending = self._epoch(lambda: self._save(out, fingerprint), watch, interrupted)
            watch(self._progress(self._validate()))
            place.epoch, place.batch, place.loss_sum, place.rows = place.epoch + 1, 0, 0.0, 0
            place.seconds, _ = self.ranks.agreed(time.monotonic() - self.clock, False)
            if ending != "interrupted":
                self._save(out, fingerprint)
            ending = ending or self._over()
        self.network.load_state_dict(self.best)
        self.network.eval()
        return Outcome(history=place.history, ending=ending, seconds=place.seconds)

    def _over(self) -> Ending | None:
        if self.place.epoch >= self.epochs:
            return "all epochs"
        return "no better" if self.place.since_best >= self.config.patience else None

    def _epoch(
        self, save: Callable[[], None], watch: Callable[[Progress], None], interrupted: Interrupted
    ) -> Ending | None:
        """Go through the rows once, or what is left of them; return why training must end here, if it must."""
        place, seed = self.place, self.config.seed
        order = np.random.default_rng([seed, place.epoch])
        batches = shuffled(self.train_examples.tokens.lengths, self.batch_size, order)
        if place.batch == 0:
            torch.manual_seed(seed * 1_000_003 + place.epoch + self.ranks.rank * 10**12)
        self.network.train()
        saved = place.seconds
        for rows in batches[place.batch :]:
            self.losses.append((arriving(self._step(rows)), len(rows), place.step + 1))
            place.batch += 1
            place.step += 1
            self._count_losses(behind(self.device))
            place.seconds = time.monotonic() - self.clock
            watch(self._progress(None))
            place.seconds, stop = self.ranks.agreed(place.seconds, interrupted.requested)
            if stop:
                self._count_losses(0)
                save()
                return "interrupted"
            if self.config.time_limit is not None and place.seconds >= self.config.time_limit:
                self._count_losses(0)
                return "time limit"
            if place.seconds - saved > SAVE_EVERY and place.batch < len(batches):
                self._count_losses(0)
                save()
                saved = place.seconds
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
            self.place.loss_sum += value * rows
            self.place.rows += rows

    def predict(self, examples: Examples, network: nn.Module | None = None) -> Judged:
        """Return what the network says of the examples, and how far that is from the truth."""
        network = network or self.network
        network.eval()
        labels = len(self.label_weights)
        logits = torch.empty(len(examples), labels)
        emitted: list[NDArray[np.int64]] = [np.empty(0, np.int64)] * len(examples)
        total, counted = 0.0, 0
        judged = (self._judge(network, examples, rows) for rows in in_batches(examples.tokens.lengths, labels))
        for rows, said, loss, known, sequences in late(judged, behind(self.device)):
            total += float(loss()) * known
            counted += known
            logits[torch.from_numpy(rows)] = said()
            if sequences is not None:
                for row, sequence in zip(rows, sequences().numpy(), strict=True):
                    emitted[row] = sequence
        return Judged(logits, total / max(counted, 1), np.stack(emitted) if self.sequential else None)

    def _judge(self, network: nn.Module, examples: Examples, rows: NDArray[np.int64]) -> tuple[Any, ...]:
        """Return the rows, their logits, the mean loss of those with known labels, their number, their sequences."""
        truth = examples.goals(rows)
        known = np.arange(len(rows)) if self.multi_label else np.flatnonzero(truth >= 0)
        ids, lengths = self._inputs(examples, rows)
        goals, places = sent(truth, self.device), sent(known, self.device)
        with torch.no_grad(), self._autocast():
            vectors = network.embedding(ids)  # type: ignore[operator]
            output = network.classify(vectors, lengths)  # type: ignore[operator]
            taught = self._taught(network, vectors, lengths, goals) if self.sequential else output.logits
        even = torch.ones(len(known), device=self.device), torch.ones(len(self.label_weights), device=self.device)
        loss = self.objective(taught[places].float(), goals[places], *even, 0.0)
        sequences = arriving(output.named["sequence"]) if self.sequential else None
        return rows, arriving(output.logits.float()), arriving(loss), len(known), sequences

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint. Raises TrainingError for one that cannot be gone on from in this way."""
        if self.table and not state["table"]:
            self._prepare(by_rows=False)
        if state["table"] and not self.table:
            raise TrainingError(
                "this training began in one process on a CPU and cannot go on in another way",
                fix="resume it there with --device cpu, or start without --resume",
            )
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.table:
            self.table.load_state_dict(state["table"])
        self.scaler.load_state_dict(state["scaler"])
        if self.averaged is not None:
            self.averaged.load_state_dict(state["averaged"])
        self.best = state["best"]
        self.place = Place(**state["place"])
        generators = state["generators"]
        torch.set_rng_state(generators[self.ranks.rank % len(generators)])

    def _save(self, out: Path, fingerprint: str) -> None:
        generators = self.ranks.each(torch.get_rng_state())
        if not self.ranks.leads:
            return
        checkpoint.save(
            out,
            {
                "fingerprint": fingerprint,
                "network": self.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "table": self.table.state_dict() if self.table else {},
                "scaler": self.scaler.state_dict(),
                "averaged": self.averaged.state_dict() if self.averaged is not None else {},
                "best": self.best,
                "kept": self.kept,
                "place": asdict(self.place),
                "generators": generators,
            },
        )

    def _step(self, rows: NDArray[np.int64]) -> Tensor:
        """Take one optimizer step on the rows and return their mean loss; this process sees its share of them."""
        portion, rows = self.ranks.portion(self.counts[rows]), self.ranks.share(rows)
        ids, lengths = self._inputs(self.train_examples, rows)
        goals = sent(self.train_examples.goals(rows), self.device)
        weights = sent(self.train_examples.weights[rows], self.device)
        if self.config.word_dropout:
            hidden = torch.rand(ids.shape, device=self.device) < self.config.word_dropout
            ids = ids.masked_fill(hidden & (ids != 0), UNKNOWN_ID)
        learning_rate = self._set_learning_rate()
        self.optimizer.zero_grad(set_to_none=True)

        evidence = self._evidence(rows) if self.asked else None
        counts = sent(self.counts[rows], self.device) if self.asked else weights

        def loss_at(vectors: Tensor) -> Tensor:
            with self._autocast():
                reading = self.network.read(vectors, lengths) if self.asked else None  # type: ignore[operator]
                logits = reading.output.logits if reading else self._taught(self.network, vectors, lengths, goals)
            loss = self.objective(logits, goals, weights, self.label_weights, self.config.label_smoothing)
            if reading is not None:
                loss = loss + beside(self.asked, Seen(vectors=vectors, reading=reading, evidence=evidence), counts)
            return sum((restraint.penalty(self.network) for restraint in self.restraints), loss)

        embedded: Tensor = self.table.read(ids) if self.table else self.network.embedding(ids)  # type: ignore[operator]
        # Cut here, so that however often the rest is run, the tables are reached once.
        vectors = embedded.detach().requires_grad_()
        loss = loss_at(vectors)
        share = 0.5 if self.config.adversarial else 1.0  # the clean and the perturbed loss count alike
        self.scaler.scale(share * loss).backward()  # type: ignore[no-untyped-call]
        assert vectors.grad is not None
        if self.config.adversarial:
            step = worst_step(vectors.detach(), vectors.grad, lengths, self.config.adversarial)
            self.scaler.scale(share * loss_at(vectors + step)).backward()  # type: ignore[no-untyped-call]
        if self.table:
            self.table.step(vectors.grad, learning_rate, self.config.clip)
        elif embedded.requires_grad:
            embedded.backward(vectors.grad)  # type: ignore[no-untyped-call]
        loss = self.ranks.sum_gradients(self.network.parameters(), loss.detach(), portion)
        self.scaler.unscale_(self.optimizer)
        for group in self.optimizer.param_groups:
            nn.utils.clip_grad_norm_(group["params"], self.config.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self._constrain(self.network)
        if self.averaged is not None:
            self.averaged.update_parameters(self.network)
            self._constrain(self.averaged.module)
        return loss

    def _taught(self, network: nn.Module, vectors: Tensor, lengths: Tensor, goals: Tensor) -> Tensor:
        """Return the logits that the objective compares with the goals."""
        if self.sequential:
            taught: Tensor = network.teach(vectors, lengths, goals)  # type: ignore[operator]
            return taught
        logits: Tensor = network.classify(vectors, lengths).logits  # type: ignore[operator]
        return logits

    def _evidence(self, rows: NDArray[np.int64]) -> Tensor | None:
        """Return how much the units of these rows speak for their labels (batch, time), where that is known."""
        evidence = self.train_examples.evidence
        return None if evidence is None else sent(evidence.padded(rows)[0].astype(np.float32), self.device)

    def _constrain(self, network: nn.Module) -> None:
        for restraint in self.restraints:
            restraint.constrain(network)

    def _validate(self) -> Epoch:
        """Score the network (its average, if there is one) on the validation rows and keep it if it is the best."""
        if self.table:
            self.table.settle()
        place = self.place
        judged: nn.Module = self.network if self.averaged is None else self.averaged.module

        logits: Tensor | None = None

        def judge() -> tuple[float, float]:
            nonlocal logits
            judgement = self.predict(self.valid_examples, judged)
            logits = judgement.logits
            return judgement.loss, validation_score(self.valid_examples.targets, judgement)

        loss, score = self.ranks.first(judge)
        finished = Epoch(
            epoch=place.epoch + 1,
            step=place.step,
            train_loss=place.loss_sum / max(place.rows, 1),
            valid_loss=loss,
            valid_score=score,
            seconds=place.seconds,
        )
        place.history.append(asdict(finished))
        if (score, -loss) > (place.best_score, -place.best_loss):
            place.best_score, place.best_loss, place.since_best = score, loss, 0
            self.best = {name: value.detach().clone() for name, value in judged.state_dict().items()}
            self.best_logits = logits
        else:
            place.since_best += 1
        return finished

    def _inputs(self, examples: Examples, rows: NDArray[np.int64]) -> tuple[Tensor, ...]:
        return tuple(sent(array, self.device) for array in examples.batch(rows))

    def _set_learning_rate(self) -> float:
        progress = self.place.step / self.steps
        if self.config.time_limit is not None:
            begun = self.place.begun
            progress = max(progress, (self.place.seconds - begun) / max(self.config.time_limit - begun, 1e-9))
        factor = schedule.factor(min(progress + 1 / self.steps, 1.0), self.config.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * factor
        return self.config.learning_rate * factor

    def _autocast(self) -> AbstractContextManager[object]:
        if self.precision is torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.precision)

    def _progress(self, finished: Epoch | None) -> Progress:
        place = self.place
        return Progress(
            epoch=place.epoch + 1,
            epochs=self.epochs,
            step=place.step,
            steps=self.steps,
            loss=place.loss_sum / max(place.rows, 1),
            seconds=place.seconds,
            finished=finished,
            before=place.before,
        )


def _precision(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]
