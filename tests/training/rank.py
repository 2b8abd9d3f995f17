"""One process of a training of made rows, small enough to be repeated in a test; run as a program, it joins others."""

import sys
from functools import partial

import numpy as np
import torch

from attnclf.catalog import ARCHITECTURES
from attnclf.config import Config, merged
from attnclf.text.ragged import Ragged
from attnclf.training import checkpoint
from attnclf.training.distributed import ALONE, joined
from attnclf.training.examples import Examples
from attnclf.training.preparation import PreparedData
from attnclf.training.trainer import Trainer

WORDS, LABELS = 30, 3
SETTINGS = {
    "model": {
        "embedding": {"dim": 6, "dropout": 0.0},
        "encoder": {"hidden": 5},
        "dropout": 0.0,
    },
    "training": {
        "adversarial": 0.5,
        "average": 0.9,
        "epochs": 2,
        "min_steps": 1,
        "label_smoothing": 0.1,
        "attention": {"smoothness": 1.0},
    },
}


def examples(count, seed):
    """Rows of one to eight words, whose label is that of their first word; rows and labels weigh differently."""
    chance = np.random.default_rng(seed)
    rows = [chance.integers(2, WORDS, chance.integers(1, 9)) for _ in range(count)]
    return Examples(
        tokens=Ragged.of(rows).packed(WORDS),
        targets=np.array([row[0] % LABELS for row in rows]),
        weights=chance.uniform(0.5, 2, count).astype(np.float32),
        vocabulary=WORDS,
        unknown=None,
    )


def run(out, ranks=ALONE):
    """Train on 65 rows in batches of 8, so that the last one has a single row; return losses, scores and weights."""
    torch.manual_seed(0)
    config = Config.from_dict(merged({}, SETTINGS))
    network = ARCHITECTURES["temporal"].build(config.model, WORDS, LABELS, 512)
    data = PreparedData(
        config=config,
        examples=examples(65, 0),
        validation=examples(20, 1),
        network=network,
        label_weights=np.array([1, 2, 0.5], np.float32),
    )
    ranks.meet("the same rows")
    fitted = Trainer(data, torch.device("cpu"), ranks=ranks, save=partial(checkpoint.save, out)).fit()
    return fitted.outcome.history, network.state_dict()


if __name__ == "__main__":
    from pathlib import Path

    torch.set_num_threads(1)
    out = Path(sys.argv[1])
    with joined("cpu") as ranks:
        torch.save(run(out, ranks), out.with_suffix(f".{ranks.rank}"))
