"""One step of training: the loss of a batch, its gradients, and the move of the weights."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from attnclf.config import TrainingConfig
from attnclf.errors import DeviceError, TrainingError
from attnclf.model.output import Reading
from attnclf.model.regularizer import regularizers
from attnclf.text.ragged import UNKNOWN_ID
from attnclf.training.distributed import ALONE, Ranks
from attnclf.training.examples import Examples
from attnclf.training.objectives.adversarial import worst_step
from attnclf.training.objectives.attention import Seen, attention_loss, attention_weights
from attnclf.training.objectives.labels import LabelLoss
from attnclf.training.optimizer import Optimizer
from attnclf.training.transfer import sent


class Step:
    """Moves the weights of a network by batches of its examples; this process takes its share of each batch."""

    def __init__(
        self,
        network: nn.Module,
        examples: Examples,
        config: TrainingConfig,
        label_weights: NDArray[np.float32],
        device: torch.device,
        ranks: Ranks,
    ) -> None:
        self.network, self.examples, self.config, self.device, self.ranks = network, examples, config, device, ranks
        self.label_loss = LabelLoss.of(
            sequential=examples.sequences is not None,
            multi_label=examples.targets.ndim == 2,
            label_weights=torch.from_numpy(label_weights).to(device),
            smoothing=config.label_smoothing,
        )
        self.counts = examples.counts(label_weights)
        self.regularizers = regularizers(network)
        source = None if examples.evidence is None else examples.source
        self.attention = attention_weights(config.attention, source=source)
        self.precision = precision(config.precision, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision is torch.float16)
        self.averaged: AveragedModel | None = None
        if config.average:
            self.averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(config.average))  # type: ignore[no-untyped-call]
            self.averaged.module.to(device)  # lays the weights of a copied layer side by side, as cuDNN wants them
        alone = ranks is ALONE and device.type == "cpu" and self.averaged is None and not self.scaler.is_enabled()
        self.optimizer = Optimizer(network, config, self.scaler, by_rows=alone)

    @property
    def averaged_network(self) -> nn.Module:
        """The network that is validated and kept: the average of the weights, or the network itself."""
        return self.network if self.averaged is None else self.averaged.module

    def take(self, rows: NDArray[np.int64], learning_rate: float) -> Tensor:
        """Move the weights by the rows of a batch, and return the mean loss of all of them, a scalar."""
        portion, rows = self.ranks.portion(self.counts[rows]), self.ranks.share(rows)
        examples, optimizer = self.examples, self.optimizer
        ids, lengths = (sent(array, self.device) for array in examples.batch(rows))
        if self.config.word_dropout:
            hidden = torch.rand(ids.shape, device=self.device) < self.config.word_dropout
            ids = ids.masked_fill(hidden & (ids != 0), UNKNOWN_ID)
        optimizer.begin(learning_rate)
        loss_at = self._loss_of(rows, lengths)
        embedded: Tensor = optimizer.table.read(ids) if optimizer.table else self.network.embedding(ids)  # type: ignore[operator]
        # Cut here, so that however often the rest is run, the tables are reached once.
        vectors = embedded.detach().requires_grad_()
        loss = loss_at(vectors)
        share = 0.5 if self.config.adversarial else 1.0  # the clean and the perturbed loss count alike
        optimizer.backward(share * loss)
        assert vectors.grad is not None
        if self.config.adversarial:
            step = worst_step(vectors.detach(), vectors.grad, lengths, self.config.adversarial)
            optimizer.backward(share * loss_at(vectors + step))
        optimizer.move_vectors(embedded, vectors.grad)
        loss = self.ranks.sum_gradients(self.network.parameters(), loss.detach(), portion)
        optimizer.step()
        self._constrain(self.network)
        if self.averaged is not None:
            self.averaged.update_parameters(self.network)
            self._constrain(self.averaged.module)
        return loss

    def _loss_of(self, rows: NDArray[np.int64], lengths: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the loss of these rows as a function of their embedded tokens (batch, time, dim)."""
        examples = self.examples
        goals, weights = sent(examples.goals(rows), self.device), sent(examples.weights[rows], self.device)
        evidence = counts = None
        if self.attention:
            counts = sent(self.counts[rows], self.device)
            if examples.evidence is not None:
                evidence = sent(examples.evidence.padded(rows)[0].astype(np.float32), self.device)

        def loss_at(vectors: Tensor) -> Tensor:
            reading: Reading | None = None
            with self.autocast():
                if counts is not None:
                    reading = self.network.read(vectors, lengths)  # type: ignore[operator]
                    logits = reading.output.logits
                else:
                    logits = self.label_loss.logits(self.network, vectors, lengths, goals)
            loss = self.label_loss(logits, goals, weights)
            if reading is not None and counts is not None:
                seen = Seen(vectors=vectors, reading=reading, evidence=evidence)
                loss = loss + attention_loss(self.attention, seen, counts)
            return sum((regularizer.penalty(self.network) for regularizer in self.regularizers), loss)

        return loss_at

    def autocast(self) -> AbstractContextManager[object]:
        """Return a context in which the network computes in the precision of the settings."""
        if self.precision is torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.precision)

    def state_dict(self) -> dict[str, Any]:
        """Return what a training that goes on needs of network and optimizer."""
        table = self.optimizer.table
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.adamw.state_dict(),
            "table": table.state_dict() if table else {},
            "scaler": self.scaler.state_dict(),
            "averaged": self.averaged.state_dict() if self.averaged is not None else {},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state. Raises TrainingError for one that this number of processes cannot continue from."""
        if self.optimizer.table and not state["table"]:
            self.optimizer = Optimizer(self.network, self.config, self.scaler, by_rows=False)
        if state["table"] and not self.optimizer.table:
            raise TrainingError(
                "this training began in one process on a CPU and cannot go on in another way",
                fix="resume it there with --device cpu, or start without --resume",
            )
        self.network.load_state_dict(state["network"])
        self.optimizer.adamw.load_state_dict(state["optimizer"])
        if self.optimizer.table:
            self.optimizer.table.load_state_dict(state["table"])
        self.scaler.load_state_dict(state["scaler"])
        if self.averaged is not None:
            self.averaged.load_state_dict(state["averaged"])

    def _constrain(self, network: nn.Module) -> None:
        for regularizer in self.regularizers:
            regularizer.constrain(network)


def refuse_precision(name: str, device: torch.device) -> None:
    """Raise DeviceError for a precision in which a device cannot learn."""
    if device.type == "cpu" and name == "fp16":
        raise DeviceError("a CPU does not learn in fp16", fix="set training.precision to auto, bf16 or fp32")


def precision(name: str, device: torch.device) -> torch.dtype:
    """Return the type of numbers that a setting of `training.precision` means on a device."""
    if name == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]
