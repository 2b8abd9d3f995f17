"""A training leaves torch as it was, and several in one process wait for each other. Each in a fresh process."""

import json
import subprocess
import sys

from support import ENVIRONMENT

CODE = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from attnclf.config import Config
from attnclf.training.pipeline import train

data, out, settings = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])

def trained(name):
    return train(
        data, out / name, config=Config.from_dict(settings), device="cpu", baseline=False, say=lambda line: None
    ).folder

torch.set_num_threads(2)
state = torch.get_rng_state()
with ThreadPoolExecutor(2) as threads:
    first, second = threads.map(trained, ["first", "second"])
alike = (first / "weights.safetensors").read_bytes() == (second / "weights.safetensors").read_bytes()
print(alike, torch.equal(state, torch.get_rng_state()), torch.get_num_threads())
"""


def test_two_threads_train_the_same_model_and_torch_is_as_it_was(small, examples, tmp_path):
    settings = {**small, "training": {**small["training"], "epochs": 2, "threads": 1}}
    done = subprocess.run(
        [sys.executable, "-c", CODE, examples / "tickets" / "tickets.csv", tmp_path, json.dumps(settings)],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "True", "2"]
