"""What the objectives of `training.attention` and sparse alignments do to accuracy and to how faithful attention is.

    python -m benchmarks.attention_training FOLDER/sst2 [--seed 0 --seed 1] [--score additive] [--rows 300]

The folder has train and valid as .jsonl or .jsonl.gz. The preset is plain. The best epoch is the one with the best
accuracy on validation rows. The other figures are computed on the first `rows` of them. Nothing is scored on test rows.
p is the probability of the label predicted for the whole text.

- tau: Kendall's tau-b of attention and |p(x) − p(x without the token)|, mean over texts (Jain & Wallace 2019, without
  their special first and last token);
- comprehensiveness: p(x) − p(x without the top tokens), mean over the top 1, 5, 10, 20 and 50 % of tokens, at least one
  (DeYoung et al. 2020); tokens are deleted from the ids, and a text without tokens is one unknown token;
- by chance: the same with random weights; above chance: the difference;
- conicity, variation, zeros: mean conicity of states, mean total variation of weights, share of weights that are 0.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from scipy.stats import kendalltau
from torch import Tensor, nn

from attnclf.config import Config, merged
from attnclf.text.tokenizer import UNKNOWN_ID
from attnclf.training.objectives.diversity import conicity
from attnclf.training.objectives.smoothness import variation
from benchmarks.plain_trainer import plain_trainer
from benchmarks.results import mean_and_range

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
FIGURES = ("accuracy, %", "tau", "comprehensiveness", "by chance", "above chance", "conicity", "variation", "zeros, %")


def asking(**objectives: float) -> dict[str, Any]:
    """Return the settings that ask for these objectives."""
    return {"training": {"attention": objectives}}


WAYS: dict[str, dict[str, Any]] = {
    "none": {},
    "diversity 0.1": asking(diversity=0.1),
    "diversity 0.5": asking(diversity=0.5),
    "tying 0.01": asking(tying=0.01),
    "tying 0.1": asking(tying=0.1),
    "tying 1": asking(tying=1.0),
    "smoothness 0.01": asking(smoothness=0.01),
    "smoothness 0.1": asking(smoothness=0.1),
    "alignment entmax15": {"model": {"attention": {"alignment": "entmax15"}}},
    "alignment sparsemax": {"model": {"attention": {"alignment": "sparsemax"}}},
    "entmax15, tying 0.1": merged({"model": {"attention": {"alignment": "entmax15"}}}, asking(tying=0.1)),
}


def trained(folder: Path, config: Config) -> tuple[nn.Module, list[NDArray[np.int64]], float]:
    """Return the best network, the ids of the validation texts, and its accuracy there."""
    trainer, network, texts = plain_trainer(folder, config)
    outcome = trainer.fit().outcome
    return network, texts, max(epoch["valid_score"] for epoch in outcome.history)


def probabilities(network: nn.Module, rows: Sequence[NDArray[np.int64]]) -> Tensor:
    """Return (rows, labels); a row without ids is one unknown token."""
    filled = [torch.from_numpy(row if len(row) else np.array([UNKNOWN_ID])) for row in rows]
    ids = nn.utils.rnn.pad_sequence(filled, batch_first=True)
    with torch.no_grad():
        return torch.softmax(network(ids, torch.tensor([len(row) for row in filled])).logits, dim=-1)


def without_top(ids: NDArray[np.int64], weights: NDArray[np.floating]) -> list[NDArray[np.int64]]:
    """Return the text without its heaviest tokens, for each of `SHARES`."""
    falling = np.argsort(-weights, kind="stable")
    return [np.delete(ids, falling[: max(round(share * len(ids)), 1)]) for share in SHARES]


def figures(network: nn.Module, texts: Sequence[NDArray[np.int64]], generator: np.random.Generator) -> list[float]:
    """Return all figures but the accuracy."""
    found: list[list[float]] = []
    for ids in (ids for ids in texts if len(ids) > 1):
        with torch.no_grad():
            lengths = torch.tensor([len(ids)])
            reading = network.read(network.embedding(torch.from_numpy(ids[None])), lengths)
        weights = reading.output.weights[0].numpy()
        changed = [np.delete(ids, place) for place in range(len(ids))]
        changed += without_top(ids, weights) + without_top(ids, generator.random(len(ids)))
        found_probabilities = probabilities(network, [ids, *changed])
        whole, rest = found_probabilities[0], found_probabilities[1:]
        drops = (whole.max() - rest[:, whole.argmax()]).numpy()
        single, top, chance = np.split(drops, [len(ids), len(ids) + len(SHARES)])
        tau = kendalltau(weights, np.abs(single)).statistic
        found.append(
            [
                0.0 if np.isnan(tau) else float(tau),
                float(top.mean()),
                float(chance.mean()),
                float(top.mean() - chance.mean()),
                conicity(reading.states, reading.keep).item(),
                variation(reading.output.weights, reading.keep).item(),
                100 * float((weights == 0).mean()),
            ]
        )
    return [statistics.mean(column) for column in zip(*found, strict=True)]


def shown(values: Sequence[float]) -> str:
    """Write the mean of a figure over seeds, and its range."""
    return mean_and_range(values, 1 if max(values) > 2 else 2)


def main(
    folder: Path,
    seed: Annotated[list[int] | None, typer.Option()] = None,
    way: Annotated[list[str] | None, typer.Option()] = None,
    score: str = "temporal",
    rows: int = 300,
) -> None:
    """Train each way with each seed and print the table, a row as soon as it is done."""
    torch.set_num_threads(1)
    seeds = seed or [0, 1, 2]
    print(f"Score {score}, seeds {seeds}, {rows} validation rows\n")
    print(f"| objective | {' | '.join(FIGURES)} |\n| --- |{' --: |' * len(FIGURES)}")
    for name in way or WAYS:
        results = []
        for one in seeds:
            chosen = {"model": {"attention": {"score": score}}, "training": {"seed": one}}
            network, texts, accuracy = trained(folder, Config.from_dict(merged(chosen, WAYS[name])))
            results.append([100 * accuracy, *figures(network, texts[:rows], np.random.default_rng(one))])
        print(f"| {name} | {' | '.join(map(shown, zip(*results, strict=True)))} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
