"""Before the labels: vectors begin with co-occurrence, and the first recurrent layer is pretrained on texts alone.

One direction predicts the next token of a text, the other the one before (a language model each way; Dai & Le 2015,
Peters et al. 2018). A prediction is compared with the vector of the true token and with those of `OTHERS` that are
sampled for the whole batch. Each score is reduced by the logarithm of its sampling probability (sampled softmax, Jean
et al. 2015). A softmax over the whole vocabulary would take many times as long as all the rest. The vectors compared
with are those that the layer reads (Press & Wolf 2017). Layers above the first cannot be pretrained in this way: below
them both directions have met.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Iterable
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from torch.nn import functional

from attnclf.config import TrainingConfig
from attnclf.data.batches import shuffled
from attnclf.model.encoder import Recurrence
from attnclf.text.ragged import UNKNOWN_ID, Ragged, leading_rows
from attnclf.training.context import TrainingContext
from attnclf.training.cooccurrence import begin_alike, cooccurrence_vectors
from attnclf.training.examples import encoded
from attnclf.training.limits import Interrupted
from attnclf.training.optimizer import learning_rate_factor
from attnclf.training.preparation import PreparedData, checked
from attnclf.training.state import Progress
from attnclf.training.transfer import sent

PIECE, BATCH = 256, 64  # tokens of a text that are read at once, and how many such pieces
OTHERS = 512
SMOOTHING = 0.75  # exponent on the frequency by which tokens are sampled (Mikolov et al. 2013)
LEARNING_RATE, WARMUP, CLIP, DROPOUT = 3e-3, 0.05, 1.0, 0.1
MOST = 25_000_000  # tokens read in all passes together: ten to fifteen minutes on two cores
RECENT = 100  # steps whose mean loss is reported
VECTORS = 0.25  # share of the time left that may go into the first vectors
SEARCH = 1e-8  # seconds that these take, on one core, for each word and the square of the length of its vector


class PretrainingResult(NamedTuple):
    """Passes planned, tokens read in all, seconds, the mean loss of the first steps and of the last."""

    passes: int
    tokens: int
    seconds: float
    first: float
    last: float


class LanguageModel(nn.Module):
    """A recurrent layer and its vectors, with what turns a state into a guess.

    `frequency` (vocabulary,) counts each token in the texts.
    """

    bias: Tensor
    chance: Tensor  # (vocabulary,) of being sampled

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
        """Return the mean of -log p(token) over all tokens that have a neighbour that predicts them."""
        states = self.layer(self.dropout(self.vectors(ids)), lengths)
        followed = (torch.arange(1, ids.shape[1], device=ids.device) < lengths.unsqueeze(1)).nonzero(as_tuple=True)
        before, after = ids[:, :-1][followed], ids[:, 1:][followed]
        others = torch.multinomial(self.chance, OTHERS, replacement=True)
        ahead, *back = states.chunk(len(self.guess), dim=-1)
        losses = [self._loss(self.guess[0](ahead[:, :-1][followed]), after, others)]
        losses += [self._loss(self.guess[1](state[:, 1:][followed]), before, others) for state in back]
        return torch.stack(losses).mean()

    def _loss(
        self, guesses: Float[Tensor, "tokens dim"], true: Int[Tensor, " tokens"], others: Int[Tensor, " others"]
    ) -> Float[Tensor, ""]:
        table, offset = self.vectors.weight, self.bias - self.chance.log()
        right = (guesses * functional.embedding(true, table)).sum(dim=-1) + offset[true]
        wrong = torch.addmm(offset[others], guesses, functional.embedding(others, table).T)
        wrong = wrong.masked_fill(true.unsqueeze(1) == others, -torch.inf)
        return (torch.logsumexp(torch.cat([right.unsqueeze(1), wrong], dim=1), dim=1) - right).mean()


def pretrain(context: TrainingContext, data: PreparedData, time_limit: float | None) -> float:
    """Start the vectors from co-occurrence, pretrain the network on all texts, and return the seconds that took.

    The first of several processes does it, and the others take over its weights.
    """
    network, training, limits, ranks = data.network, data.config.training, context.limits, context.ranks
    texts = list(leading_rows(chain([data.examples.tokens], encoded(context.tokenizer, context.unlabeled)), MOST))
    table = network.get_parameter("embedding.weight")
    until = limits.share(VECTORS, time_limit)
    enough = limits.elapsed + SEARCH * len(table) * table.shape[1] ** 2 < until
    # On one core: waiting for others, where something else wants them, makes this search thirty times as long.
    # Without a limit it takes all, for its last digits depend on their number.
    cores = None if time_limit is None else 1

    def search(check: Callable[[], None]) -> NDArray[np.float32]:
        with threadpool_limits(cores, user_api="blas"):
            return cooccurrence_vectors(checked(texts, check), *table.shape)

    vectors = ranks.first(lambda: limits.within(search, until if enough else 0.0))
    if vectors is None:
        context.say("Note: vectors begin at random: there was no time to count which words stand together")
    else:
        begin_alike(table, vectors)
    if not context.unlabeled:
        return 0.0
    if time_limit is not None:
        training = dataclasses.replace(training, time_limit=max(time_limit - limits.elapsed, 1.0))
    tokens = Ragged.join(texts)
    result = ranks.first(
        lambda: pretrain_language_model(network, tokens, training, context.device, context.watch, limits.interrupted)
    )
    if result is None:
        return 0.0
    network.load_state_dict(ranks.first(lambda: {key: value.cpu() for key, value in network.state_dict().items()}))
    context.say(
        f"Pretrained on {len(tokens):,} texts: {result.tokens:,} tokens in {result.seconds:.0f} s, "
        f"loss {result.first:.2f} to {result.last:.2f}"
    )
    return result.seconds


def pretrain_language_model(
    network: nn.Module,
    texts: Ragged,
    config: TrainingConfig,
    device: torch.device,
    watch: Callable[[Progress], None],
    interrupted: Interrupted,
) -> PretrainingResult | None:
    """Train the first recurrent layer as a language model on texts, `config.pretraining` passes or what `MOST` allows.

    At most half of a time limit goes into it. Returns None without such a layer, pass or text.
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
    tokens = int(pieces.lengths[having].sum())
    ids = np.where(pieces.ids < table.num_embeddings, pieces.ids, UNKNOWN_ID)
    pieces = Ragged(ids, pieces.offsets)
    network.to(device).train()
    torch.manual_seed(config.seed)
    model = LanguageModel(table, layer, np.bincount(ids, minlength=table.num_embeddings)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0, fused=True)
    passes = min(config.pretraining, max(MOST // tokens, 1))
    order = np.random.default_rng([config.seed, 1])
    batches = [having[rows] for _ in range(passes) for rows in shuffled(pieces.lengths[having], BATCH, order)]
    losses: list[float] = []
    read = 0
    for step, rows in enumerate(batches, start=1):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * learning_rate_factor(step / len(batches), WARMUP)
        losses.append(_step(model, optimizer, (sent(array, device) for array in pieces.padded(rows))))
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
    return PretrainingResult(passes, read, time.monotonic() - begin, first, last)


def _step(model: LanguageModel, optimizer: torch.optim.Optimizer, batch: Iterable[Tensor]) -> float:
    """Move the weights by one batch, ids and lengths, and return its loss."""
    optimizer.zero_grad(set_to_none=True)
    loss = model(*batch)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    optimizer.step()
    return float(loss.detach())


def _pieces(texts: Ragged) -> Ragged:
    """Cut texts into pieces of at most `PIECE` tokens; they lie as before."""
    counts = -(-texts.lengths // PIECE)
    owners = np.repeat(np.arange(len(texts)), counts)
    within = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Ragged(texts.ids, np.append(texts.offsets[owners] + PIECE * within, len(texts.ids)))
