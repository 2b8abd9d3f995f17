"""Trainings that an earlier build was stopped in go on from its checkpoints, and end with the weights it ended with."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from attnclf.config import Config
from attnclf.data.training_set import Sources
from attnclf.training.pipeline import train

CHECKPOINTS = Path(__file__).parents[1] / "bundles" / "checkpoints.zip"


@pytest.mark.usefixtures("exporting", "unexported")
@pytest.mark.parametrize("name", ["labels", "pretraining", "pseudo-labels"])
def test_a_training_goes_on_from_the_checkpoint_of_an_earlier_build(tmp_path, name):
    with zipfile.ZipFile(CHECKPOINTS) as archive:
        archive.extractall(tmp_path)
    folder, messages = tmp_path / name, []
    unlabeled = folder / "more.txt"
    train(
        str(folder / "rows.jsonl"),
        folder / "model",
        sources=Sources(unlabeled=str(unlabeled) if unlabeled.exists() else None),
        config=Config.from_dict(json.loads((folder / "settings.json").read_text())),
        device="cpu",
        baseline=False,
        resume=True,
        say=messages.append,
    )
    assert any(message.startswith("Resuming in epoch") for message in messages)
    weights, expected = load_file(folder / "model" / "weights.safetensors"), load_file(folder / "weights.safetensors")
    assert weights.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(weights[key], value, atol=1e-4, err_msg=key)  # sums differ between processors
