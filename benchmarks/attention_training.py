"""What the objectives of `training.attention` and sparse alignments do to accuracy and to how faithful attention is.

    python -m benchmarks.attention_training FOLDER/sst2 [--seed 0 --seed 1] [--score additive] [--rows 300]

The folder has train and valid as .jsonl or .jsonl.gz. Preset plain; the best epoch is that of the best accuracy on
validation rows, on the first `rows` of which the other figures are computed; nothing is scored on test rows.

- tau: Kendall's tau-b of attention and |p(x) − p(x without the unit)|, mean over texts (Jain & Wallace 2019, without
  their special first and last unit), p the probability of the label predicted for the whole text;
- comprehensiveness: p(x) − p(x without the top units), mean over the top 1, 5, 10, 20 and 50 % of units, one at least
  (DeYoung et al. 2020); units are deleted from the ids, and of a text that is gone the unknown unit is left;
- by chance: the same with random weights; above chance: the difference;
- conicity, variation, zeros: mean conicity of states, mean total variation of weights, share of weights that are 0.
"""

import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from scipy.stats import kendalltau
from torch import Tensor, nn

from attnclf.config import Config, merged
from attnclf.data.labels import LabelSet
from attnclf.data.read_options import ReadOptions
from attnclf.text.tokenizer import UNKNOWN_ID, Tokenizer
from attnclf.training.building import build
from attnclf.training.examples import Examples
from attnclf.training.objectives.diversity import conicity
from attnclf.training.objectives.smoothness import variation
from attnclf.training.preparation import PreparedData
from attnclf.training.rows import read_splits
from attnclf.training.trainer import Trainer
from benchmarks.splits import split_of

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
FIGURES = ("accuracy, %", "tau", "comprehensiveness", "by chance", "above chance", "conicity", "variation", "zeros, %")


def asking(**objectives: float) -> dict[str, Any]:
    """Return the settings that ask for these objectives."""
    return {"training": {"attention": objectives}}


WAYS: dict[str, dict[str, Any]] = {
    "nothing more": {},
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


def silent(said: object) -> None:
    """Say nothing."""


def trained(folder: Path, config: Config) -> tuple[nn.Module, list[NDArray[np.int64]], float]:
    """Return the best network, the ids of the validation texts, and its accuracy there."""
    data, valid = split_of(folder, "train"), split_of(folder, "valid")
    rows = read_splits(str(data), str(valid), None, ReadOptions(), config, silent)
    labels = LabelSet.from_lists(rows.train.label_lists, multi_label=False)
    torch.manual_seed(config.training.seed)
    tokenizer = Tokenizer.learn(rows.train.texts, **config.to_dict()["text"])
    examples, validation = (
        Examples.of(part, tokenizer, labels, char_ngrams=False) for part in (rows.train, rows.valid)
    )
    network, config = build(config, tokenizer, len(labels), silent)
    even = np.ones(len(labels), dtype=np.float32)
    config = replace(config, training=replace(config.training, precision="fp32"))
    data = PreparedData(config=config, examples=examples, validation=validation, network=network, label_weights=even)
    trainer = Trainer(data, torch.device("cpu"))
    outcome = trainer.fit().outcome
    texts = [ids.astype(np.int64) for ids in tokenizer.encode(list(rows.valid.texts))]
    return network, texts, max(epoch["valid_score"] for epoch in outcome.history)


def probabilities(network: nn.Module, rows: Sequence[NDArray[np.int64]]) -> Tensor:
    """Return (rows, labels); a row without ids is one unknown unit."""
    filled = [torch.from_numpy(row if len(row) else np.array([UNKNOWN_ID])) for row in rows]
    ids = nn.utils.rnn.pad_sequence(filled, batch_first=True)
    with torch.no_grad():
        return torch.softmax(network(ids, torch.tensor([len(row) for row in filled])).logits, dim=-1)


def without_top(ids: NDArray[np.int64], weights: NDArray[np.floating]) -> list[NDArray[np.int64]]:
    """Return the text without its heaviest units, for each of `SHARES`."""
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
        said = probabilities(network, [ids, *changed])
        drops = (said[0].max() - said[1:, said[0].argmax()]).numpy()
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
    digits = 1 if max(values) > 2 else 2
    spread = f" ({min(values):.{digits}f} to {max(values):.{digits}f})" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{spread}"


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
    print(f"| asked | {' | '.join(FIGURES)} |\n| --- |{' --: |' * len(FIGURES)}")
    for name in way or WAYS:
        results = []
        for one in seeds:
            chosen = {"model": {"attention": {"score": score}}, "training": {"seed": one}}
            network, texts, accuracy = trained(folder, Config.from_dict(merged(chosen, WAYS[name])))
            results.append([100 * accuracy, *figures(network, texts[:rows], np.random.default_rng(one))])
        print(f"| {name} | {' | '.join(map(shown, zip(*results, strict=True)))} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
