"""Training in several processes, started by torch's own launcher: the model of one process, through deaths too."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rank
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from support import ENVIRONMENT

from attnclf.api import train_folder
from attnclf.errors import ConfigError
from attnclf.training.distributed import Ranks

QUIET = [
    "model.dropout=0", "model.embedding.dropout=0", "model.embedding.token_dropout=0", "model.encoder.dropout=0",
]  # fmt: skip
SMALL = [
    "text.max_length=40", "model.embedding.dim=12", "model.encoder.hidden=8", "model.ngrams.features=0",
    "training.min_steps=1", "training.learning_rate=0.01", "training.patience=999", "training.class_weights=balanced",
]  # fmt: skip
# Of weights and losses after some steps: sums over ranks are made in another order.
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def data(tmp_path_factory, examples):
    """A hundred rows, whose last batch has a single row for two ranks."""
    lines = (examples / "intents-ru" / "intents.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    path = tmp_path_factory.mktemp("data") / "rows.txt"
    path.write_text("".join(lines[:109]), encoding="utf-8")
    return path


@pytest.fixture
def arguments(data):
    """The command line of a training."""

    def line(out, *settings, epochs=2, more=()):
        chosen = [word for setting in (*SMALL, *settings) for word in ("--set", setting)]
        return [
            *map(str, ["train", data, "--out", out, "--epochs", epochs]), "--no-baseline", "--device", "cpu",
            *chosen, *more,
        ]  # fmt: skip

    return line


def launched(arguments, *options):
    """Start two ranks, as a person would: torchrun is `python -m torch.distributed.run`."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *options]
    return subprocess.Popen(
        [*command, "-m", "attnclf", *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT, text=True, bufsize=1,
    )  # fmt: skip


def history(folder):
    return json.loads((folder / "report" / "metrics.json").read_text(encoding="utf-8"))["history"]


def test_two_ranks_learn_what_one_process_learns(tmp_path, one_thread):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {"TORCHELASTIC_RUN_ID": "here", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    told |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, rank.__file__, tmp_path / "out"]
    processes = [
        subprocess.Popen(command, env={**ENVIRONMENT, **told, "RANK": number, "LOCAL_RANK": number}) for number in "01"
    ]
    history, weights = rank.run(tmp_path / "alone")
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    for number in "01":
        other_history, other = torch.load(tmp_path / f"out.{number}", weights_only=True)
        assert max(float((weights[name] - other[name]).abs().max()) for name in weights) < TOLERANCE
        for one, two in zip(history, other_history, strict=True):
            for figure in ("train_loss", "valid_loss", "valid_score"):
                assert two[figure] == pytest.approx(one[figure], abs=TOLERANCE)
    assert {path.name for path in tmp_path.iterdir()} == {"alone.training", "out.training", "out.0", "out.1"}


@settings(deadline=None)
@given(st.integers(1, 5), st.lists(st.floats(0.25, 4), min_size=1, max_size=20))
def test_the_ranks_share_a_batch_without_gap_or_overlap(count, weights):
    ranks, rows = [Ranks(rank, count) for rank in range(count)], np.arange(len(weights))
    portions = [ranks[rank].portion(np.array(weights)) for rank in range(count)]
    assert sum(portions) == pytest.approx(1)
    shares = [ranks[rank].share(rows) for rank in range(count)]
    assert all(len(share) for share in shares)
    weighing = [share for share, portion in zip(shares, portions, strict=True) if portion]
    assert sorted(np.concatenate(weighing)) == rows.tolist()


def test_several_processes_cannot_read_stdin(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="several processes cannot share stdin; name a file"):
        train_folder("-", tmp_path / "out")


def child(job, wanted):
    """The process of a rank."""
    for number in map(int, Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()):
        if f"\0RANK={wanted}\0" in Path(f"/proc/{number}/environ").read_text():
            return number
    raise AssertionError(f"there is no rank {wanted}")


def wait_for(job, words):
    """Read stderr until a line has the words."""
    for line in job.stderr:
        if words in line:
            return
    raise AssertionError(f"the job ended without {words!r}")


@pytest.mark.long
def test_two_ranks_make_the_model_of_one_process_and_only_one_of_them_prints(in_session, arguments, tmp_path):
    done = in_session(*arguments(tmp_path / "one", *QUIET))
    assert done.exit_code == 0, done.stderr
    with launched(arguments(tmp_path / "two", *QUIET)) as job:
        output, notes = job.communicate(timeout=300)
    assert job.returncode == 0, notes
    assert output.count("Best epoch") == 1
    assert notes.count("epoch   1/2") == notes.count("epoch   2/2") == notes.count("Wrote ") == 1
    one, two = (load_file(tmp_path / name / "weights.safetensors") for name in ("one", "two"))
    assert max(float(np.abs(one[name] - two[name]).max()) for name in one) < TOLERANCE
    for before, after in zip(history(tmp_path / "one"), history(tmp_path / "two"), strict=True):
        for figure in ("train_loss", "valid_loss", "valid_score"):
            assert after[figure] == pytest.approx(before[figure], abs=TOLERANCE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


@pytest.mark.long
@pytest.mark.parametrize("killed", [0, 1])
def test_a_rank_that_is_killed_ends_the_job_with_a_clear_message_and_resume_goes_on(arguments, tmp_path, killed):
    out = tmp_path / "out"
    with launched(arguments(out, epochs=40)) as job:
        wait_for(job, "epoch   3/40")
        os.kill(child(job, killed), signal.SIGKILL)
        output, notes = job.communicate(timeout=120)
    assert job.returncode != 0
    assert output == ""
    said = [line for line in notes.splitlines() if line.startswith("Error: ")]
    assert len(said) <= 1  # the launcher may be faster than the rank that is left
    for line in said:
        assert f"rank {1 - killed}: another process of this training has ended; its own message says why" in line
    assert "SIGKILL" in notes or "-9" in notes  # the launcher names the rank that died
    assert not out.exists()
    with launched(arguments(out, epochs=40, more=["--resume"])) as job:
        _, notes = job.communicate(timeout=300)
    assert job.returncode == 0
    assert notes.count("Resuming in epoch") == 1
    assert "epoch   1/40" not in notes


@pytest.mark.long
def test_a_restarted_job_goes_on_from_the_checkpoint_and_ends_as_if_nothing_had_happened(arguments, tmp_path):
    with launched(arguments(tmp_path / "whole", epochs=20)) as job:
        job.communicate(timeout=300)
    with launched(arguments(tmp_path / "killed", epochs=20), "--max-restarts", "1") as job:
        wait_for(job, "epoch   3/20")
        os.kill(child(job, 1), signal.SIGKILL)
        _, notes = job.communicate(timeout=300)
    assert job.returncode == 0, notes
    assert notes.count("Resuming in epoch") == 1
    assert "epoch   1/20" not in notes
    whole, killed = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "killed"))
    assert max(float(np.abs(whole[name] - killed[name]).max()) for name in whole) < TOLERANCE
    assert not (tmp_path / "killed.training").exists()


@pytest.mark.long
def test_an_error_of_all_ranks_is_said_once(arguments, tmp_path):
    with launched([*arguments(tmp_path / "out"), "--valid", str(tmp_path / "missing.txt")]) as job:
        output, notes = job.communicate(timeout=120)
    assert (job.returncode, output) == (1, "")
    assert [line for line in notes.splitlines() if line.startswith("Error: ")] == [
        next(line for line in notes.splitlines() if "missing.txt does not exist" in line)
    ]
