"""Before the labels: the first recurrent layer learns to foretell the words of texts, which needs no labels.

One direction foretells the next unit of a text, the other the unit before (a language model each way; Dai & Le 2015,
Peters et al. 2018). What a direction says of a unit is compared with the vector of the true one and with those of
`OTHERS` drawn for the whole batch, each score less the logarithm of how probable its draw was (sampled softmax, Jean et
al. 2015): to compare with all of the vocabulary would take many times as long as all the rest. The vectors compared
with are those that the layer reads (Press & Wolf 2017). Of a layer on top of another one nothing can be learned so, for
below it both directions have met.
"""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from attnclf.config import TrainingConfig
from attnclf.data.batches import shuffled
from attnclf.model.encoder import Recurrence
from attnclf.text.ragged import UNKNOWN_ID, Ragged
from attnclf.training import schedule
from attnclf.training.limits import Interrupted
from attnclf.training.loop import Progress
from attnclf.training.transfer import sent

PIECE, BATCH = 256, 64  # units of a text that are read at once, and how many such pieces
OTHERS = 512
SMOOTHING = 0.75  # exponent on the frequency by which units are drawn (Mikolov et al. 2013)
LEARNING_RATE, WARMUP, CLIP, DROPOUT = 3e-3, 0.05, 1.0, 0.1
MOST = 25_000_000  # units read in all passes together: ten to fifteen minutes on two cores
RECENT = 100  # steps whose losses are told as one


class Foretold(NamedTuple):
    """What came of it: passes planned, units read in all, seconds, the mean loss of the first steps and of the last."""

    passes: int
    units: int
    seconds: float
    first: float
    last: float


class LanguageModel(nn.Module):
    """A recurrent layer and its vectors, with what turns a state into a guess.

    `frequency` (vocabulary,) says how often each unit stands in the texts.
    """

    bias: Tensor
    chance: Tensor  # (vocabulary,) of being drawn

    def __init__(self, vectors: nn.Embedding, layer: Recurrence, frequency: NDArray[np.integer]) -> None:
        super().__init__()
        self.vectors, self.layer = vectors, layer
        self.dropout = nn.Dropout(DROPOUT)
        directions = 1 if layer.back is None else 2
        self.guess = nn.ModuleList(nn.Linear(layer.ahead.hidden_size, vectors.embedding_dim) for _ in range(directions))
        counts = torch.from_numpy(frequency.astype(np.float32))
        self.bias = nn.Parameter(torch.log(counts.clamp_min(1) / counts.sum()))
        self.register_buffer("chance", counts**SMOOTHING / (counts**SMOOTHING).sum())

    def forward(self, ids: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"]) -> Float[Tensor, ""]:
        """Return the mean of -log p(unit) over all units that have a neighbour to be foretold by."""
        states = self.layer(self.dropout(self.vectors(ids)), lengths)
        followed = (torch.arange(1, ids.shape[1], device=ids.device) < lengths.unsqueeze(1)).nonzero(as_tuple=True)
        before, after = ids[:, :-1][followed], ids[:, 1:][followed]
        others = torch.multinomial(self.chance, OTHERS, replacement=True)
        ahead, *back = states.chunk(len(self.guess), dim=-1)
        losses = [self._loss(self.guess[0](ahead[:, :-1][followed]), after, others)]
        losses += [self._loss(self.guess[1](state[:, 1:][followed]), before, others) for state in back]
        return torch.stack(losses).mean()

    def _loss(
        self, guesses: Float[Tensor, "units dim"], true: Int[Tensor, " units"], others: Int[Tensor, " others"]
    ) -> Float[Tensor, ""]:
        table, offset = self.vectors.weight, self.bias - self.chance.log()
        right = (guesses * functional.embedding(true, table)).sum(dim=-1) + offset[true]
        wrong = torch.addmm(offset[others], guesses, functional.embedding(others, table).T)
        wrong = wrong.masked_fill(true.unsqueeze(1) == others, -torch.inf)
        return (torch.logsumexp(torch.cat([right.unsqueeze(1), wrong], dim=1), dim=1) - right).mean()


def pretrain(
    network: nn.Module,
    texts: Ragged,
    config: TrainingConfig,
    device: torch.device,
    watch: Callable[[Progress], None],
    interrupted: Interrupted,
) -> Foretold | None:
    """Let a network foretell the words of texts, `config.pretraining` times or as often as `MOST` allows.

    At most half of a time limit goes into it. Returns None where there is nothing to learn it with or from.
    """
    layer = next((module for module in network.modules() if isinstance(module, Recurrence)), None)
    table = network.get_submodule("embedding")
    pieces = _pieces(texts)
    having = np.flatnonzero(pieces.lengths > 1)
    if layer is None or not config.pretraining or not len(having):
        return None
    assert isinstance(table, nn.Embedding)
    begin = time.monotonic()
    until = begin + (config.time_limit or math.inf) / 2
    having = having[np.cumsum(pieces.lengths[having]) <= MOST]
    units = int(pieces.lengths[having].sum())
    ids = np.where(pieces.ids < table.num_embeddings, pieces.ids, UNKNOWN_ID)
    pieces = Ragged(ids, pieces.offsets)
    network.to(device).train()
    torch.manual_seed(config.seed)
    model = LanguageModel(table, layer, np.bincount(ids, minlength=table.num_embeddings)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0, fused=True)
    passes = min(config.pretraining, max(MOST // units, 1))
    order = np.random.default_rng([config.seed, 1])
    batches = [having[rows] for _ in range(passes) for rows in shuffled(pieces.lengths[having], BATCH, order)]
    losses: list[float] = []
    read = 0
    for step, rows in enumerate(batches, start=1):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * schedule.factor(step / len(batches), WARMUP)
        optimizer.zero_grad(set_to_none=True)
        loss = model(*(sent(array, device) for array in pieces.padded(rows)))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        losses.append(float(loss.detach()))
        read += int(pieces.lengths[rows].sum())
        seconds = time.monotonic() - begin
        watch(
            Progress(
                stage="words",
                epoch=1 + (step - 1) * passes // len(batches),
                epochs=passes,
                step=step,
                steps=len(batches),
                loss=float(np.mean(losses[-RECENT:])),
                seconds=seconds,
            )
        )
        if interrupted.requested or time.monotonic() >= until:
            break
    some = min(RECENT, math.ceil(len(losses) / 4))
    first, last = float(np.mean(losses[:some])), float(np.mean(losses[-some:]))
    return Foretold(passes, read, time.monotonic() - begin, first, last)


def _pieces(texts: Ragged) -> Ragged:
    """Cut texts into pieces of at most `PIECE` units; they lie as before."""
    counts = -(-texts.lengths // PIECE)
    owners = np.repeat(np.arange(len(texts)), counts)
    within = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Ragged(texts.ids, np.append(texts.offsets[owners] + PIECE * within, len(texts.ids)))
