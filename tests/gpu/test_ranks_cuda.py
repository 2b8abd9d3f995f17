"""Training in several processes, each with a GPU of its own."""

import subprocess
import sys

import pytest
from support import ENVIRONMENT

pytestmark = pytest.mark.gpu


def test_two_ranks_with_a_gpu_each_make_a_model(attnclf, examples, tmp_path):
    import torch

    if torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "attnclf",
        "train", examples / "tickets" / "tickets.csv", "-o", tmp_path / "model", "--device", "cuda", "--epochs", "2",
        "--no-baseline",
    ]  # fmt: skip
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch   2/2") == 1
    assert attnclf("info", "-m", tmp_path / "model").returncode == 0
