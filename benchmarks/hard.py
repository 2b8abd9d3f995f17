"""Compare ways to train the alignment `hard`: straight-through Gumbel-softmax against REINFORCE with a baseline.

    python -m benchmarks.hard FOLDER [--only trec --only sst2] [--seed 0 --seed 1 --seed 2]

FOLDER is that of `benchmarks.accuracy`; without it only the small task is run. Only the gradient of the drawn
position differs. The rest is the library's: network and recipe of preset `plain`, score `additive`, and the training
loop with its choice of the best epoch. There are two controls: `global`, and `global` in training whose best position
alone is read afterwards.

The task is that of `tests/attention/test_tasks.py`: of 16 random tokens, the one after the marker is the label. A run
has solved it with 97 % of unseen texts labelled rightly. A second table has the scores with a query under the
library's own alignments. On the datasets the score is accuracy on validation rows, a tenth of the training rows where
there is no file of them, of the epoch that is best there. Nothing is scored on test rows. Seconds are those of training
on one thread.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor, nn

from attnclf.attention.alignments import global_softmax, hard
from attnclf.attention.pooling import Pooling
from attnclf.config import AttentionConfig, Config
from benchmarks.plain_trainer import plain_trainer
from benchmarks.results import mean_and_range

KINDS, MARKER, DIM, TIME = 8, 9, 12, 16
SOLVED = 0.97
TASK_SCORES = ("additive", "dot")
SCORES = ("additive", "dot", "scaled_dot", "general", "biased_general", "cosine")  # with a query, and of the text
ALIGNMENTS = ("global", "hard", "entmax15", "sparsemax")


class Way(nn.Module):
    """An alignment that may add to the loss."""

    def extra_loss(self, losses: Tensor) -> Tensor:
        """Return what is added to the mean of the losses (batch,) of the texts last read."""
        return losses.new_zeros(())


class Soft(Way):
    """The alignment `global`; with `read_one` the best position alone is read after training."""

    def __init__(self, read_one: bool = False) -> None:
        super().__init__()
        self.read_one = read_one

    def forward(self, *, scores: Tensor, keep: Tensor, sampling: bool, **rest: object) -> Tensor:
        """Return weights (batch, 1, time)."""
        return hard(scores, keep) if self.read_one and not sampling else global_softmax(scores, keep)


class StraightThrough(Way):
    """One drawn position with the gradient of softmax((scores + Gumbel noise) / temperature) (Jang et al. 2017)."""

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, *, scores: Tensor, keep: Tensor, sampling: bool, **rest: object) -> Tensor:
        """Return weights (batch, 1, time): drawn in training, else the best position."""
        if not sampling:
            return hard(scores, keep)
        drawn = scores - torch.empty_like(scores).exponential_().log()
        soft = global_softmax(drawn / self.temperature, keep)
        return hard(drawn, keep) + (soft - soft.detach())


class Reinforce(Way):
    """One drawn position whose score gets the score-function gradient (Williams 1992; Xu et al. 2015, section 4.1).

    As there, the reward is the log-probability of the label. Its moving average 0.9 b + 0.1 mean(reward) is the
    baseline, and `entropy` times the entropy of the softmax is a bonus. A share `expected` of the texts, drawn again
    each time, is read with the softmax itself; the paper does so with half of them.
    """

    def __init__(self, entropy: float, expected: float = 0.0) -> None:
        super().__init__()
        self.entropy, self.expected = entropy, expected
        self.baseline: float | None = None

    def forward(self, *, scores: Tensor, keep: Tensor, sampling: bool, **rest: object) -> Tensor:
        """Return weights (batch, 1, time): drawn in training, else the best position."""
        if not sampling:
            return hard(scores, keep)
        soft = global_softmax(scores, keep)
        one = hard(scores - torch.empty_like(scores).exponential_().log(), keep)
        logs = torch.log_softmax(scores.masked_fill(~keep, torch.finfo(scores.dtype).min), dim=-1).masked_fill(~keep, 0)
        drawn = torch.rand(len(scores), 1, 1) >= self.expected
        self.drawn = drawn.flatten().to(scores.dtype)
        self.log_probability = (one * logs).sum(dim=(1, 2))
        self.entropies = -(soft * logs).sum(dim=(1, 2))
        return torch.where(drawn, one, soft)

    def extra_loss(self, losses: Tensor) -> Tensor:
        """Return the loss of the drawn positions."""
        mean = float(losses.detach().mean())
        baseline = mean if self.baseline is None else self.baseline
        self.baseline = 0.9 * baseline + 0.1 * mean
        above = (losses.detach() - baseline) * self.log_probability * self.drawn
        return above.mean() - self.entropy * self.entropies.mean()


WAYS: dict[str, Callable[[], Way]] = {
    "straight-through, temperature 0.5": lambda: StraightThrough(0.5),
    "straight-through, temperature 1": lambda: StraightThrough(1.0),
    "straight-through, temperature 2": lambda: StraightThrough(2.0),
    "REINFORCE, entropy 0.002": lambda: Reinforce(0.002),
    "REINFORCE, entropy 0.05": lambda: Reinforce(0.05),
    "REINFORCE, entropy 0.002, half expected": lambda: Reinforce(0.002, expected=0.5),
    "REINFORCE, entropy 0.05, half expected": lambda: Reinforce(0.05, expected=0.5),
    "control: `global`": Soft,
    "control: `global`, best position read": lambda: Soft(read_one=True),
}


def texts(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return ids (count, time), labels (count,) and the place of the token that decides (count,)."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, KINDS + 1, (count, TIME), generator=generator)
    marked = torch.randint(0, TIME - 1, (count, 1), generator=generator)
    ids.scatter_(1, marked, MARKER)
    return ids, ids.gather(1, marked + 1).squeeze(1) - 1, marked + 1


class Tiny(nn.Module):
    """Each token next to the one before it → pooling → labels."""

    def __init__(self, pooling: Pooling) -> None:
        super().__init__()
        self.embedding = nn.Embedding(MARKER + 1, DIM)
        self.pooling = pooling
        self.dense = nn.Linear(2 * DIM, KINDS)

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (batch, labels) and weights (batch, time)."""
        vectors = self.embedding(ids)
        hidden = torch.cat([vectors, nn.functional.pad(vectors, (0, 0, 1, 0))[:, :-1]], dim=-1)
        pooled, weights = self.pooling(hidden, torch.ones_like(ids, dtype=torch.bool))
        return self.dense(pooled), weights


def on_task(config: AttentionConfig, way: Way | None, seed: int, steps: int) -> tuple[float, float]:
    """Return the share of unseen texts labelled rightly and the mean weight on the token that decides.

    A way takes the place of the alignment of the settings.
    """
    torch.manual_seed(seed)
    pooling = Pooling(config, 2 * DIM, TIME)
    if way is not None:
        pooling.align = way
    network = Tiny(pooling)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for step in range(steps):
        ids, labels, _ = texts(64, seed=step)
        losses = nn.functional.cross_entropy(network(ids)[0], labels, reduction="none")
        optimizer.zero_grad()
        (losses.mean() + (way.extra_loss(losses) if way is not None else 0)).backward()
        optimizer.step()
    network.eval()
    ids, labels, place = texts(1000, seed=10_000)
    with torch.no_grad():
        logits, weights = network(ids)
    return (logits.argmax(dim=1) == labels).float().mean().item(), weights.gather(1, place).mean().item()


def on_data(folder: Path, make: Callable[[], Way], seed: int) -> tuple[float, float]:
    """Return the accuracy in % of the best epoch on validation rows, and the seconds of training."""
    config = Config.from_dict({"model": {"attention": {"score": "additive"}}, "training": {"seed": seed}})
    way: Way | None = None

    def replace_alignment(network: nn.Module) -> None:
        nonlocal way
        way = network.pooling.align = make()

    trainer, network, _ = plain_trainer(folder, config, replace_alignment)

    def objective(logits: Tensor, goals: Tensor, *weights: object) -> Tensor:
        losses = nn.functional.cross_entropy(logits, goals, reduction="none")
        return losses.mean() + way.extra_loss(losses) if network.training else losses.mean()

    trainer.step.label_loss = replace(trainer.step.label_loss, function=objective)
    outcome = trainer.fit().outcome
    return 100 * max(epoch["valid_score"] for epoch in outcome.history), outcome.seconds


def task_row(name: str, seeds: int, steps: int) -> str:
    """Return the table row of a way on the small task: solved of all seeds and the mean weight, for each score."""
    cells = ""
    for score in TASK_SCORES:
        runs = [on_task(AttentionConfig(score=score), WAYS[name](), seed, steps) for seed in range(seeds)]
        solved = sum(right > SOLVED for right, _ in runs)
        cells += f" {solved} of {seeds} | {statistics.mean(right for right, _ in runs) * 100:.0f} |"
        cells += f" {statistics.mean(weight for _, weight in runs):.2f} |"
    return f"| {name} |{cells}"


def alignment_row(score: str, seeds: int, steps: int) -> str:
    """Return the table row of a score on the small task: how many of all seeds each alignment has solved."""
    cells = ""
    for alignment in ALIGNMENTS:
        config = AttentionConfig(score=score, alignment=alignment)
        solved = sum(on_task(config, None, seed, steps)[0] > SOLVED for seed in range(seeds))
        cells += f" {solved} of {seeds} |"
    return f"| {score} |{cells}"


def data_row(name: str, folders: list[Path], seeds: list[int]) -> str:
    """Return the table row of a way on the datasets: mean and range of the accuracy, mean of the seconds."""
    cells = ""
    for folder in folders:
        runs = [on_data(folder, WAYS[name], seed) for seed in seeds]
        cells += f" {mean_and_range([right for right, _ in runs])} |"
        cells += f" {statistics.mean(seconds for _, seconds in runs):.0f} |"
    return f"| {name} |{cells}"


def head(columns: Sequence[str]) -> None:
    """Print the head of a table."""
    print(f"\n| | {' | '.join(columns)} |\n| --- |{' --: |' * len(columns)}")


def main(
    folder: Annotated[Path | None, typer.Argument()] = None,
    only: Annotated[list[str] | None, typer.Option()] = None,
    seed: Annotated[list[int] | None, typer.Option()] = None,
    task_seeds: int = 10,
    task_steps: int = 300,
) -> None:
    """Print two tables of the small task, and with FOLDER one of the datasets, a row as soon as it is done."""
    torch.set_num_threads(1)
    if task_seeds:
        head([f"{score}: {column}" for score in TASK_SCORES for column in ("solved", "right, %", "weight")])
        for name in WAYS:
            print(task_row(name, task_seeds, task_steps), flush=True)
        head(ALIGNMENTS)
        for score in SCORES:
            print(alignment_row(score, task_seeds, task_steps), flush=True)
    if folder is None:
        return
    datasets = only or ["trec", "sst2"]
    head([f"{name}{column}" for name in datasets for column in (", %", ", s")])
    for name in WAYS:
        print(data_row(name, [folder / dataset for dataset in datasets], seed or [0, 1, 2]), flush=True)


if __name__ == "__main__":
    typer.run(main)
