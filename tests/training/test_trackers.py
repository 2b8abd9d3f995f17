"""Trackers: what they are told stands in their files, as their own readers read them."""

import csv
import json
import sys
from dataclasses import replace

import pytest

from attnclf.config import Config
from attnclf.errors import ConfigError
from attnclf.training.state import Epoch, Progress
from attnclf.training.trackers import EVERY, TRACKERS, tracking


def scalars(folder):
    """What tensorboard itself reads: values by name, as pairs of step and value."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder))
    read.Reload()
    return {name: [(event.step, event.value) for event in read.Scalars(name)] for name in read.Tags()["scalars"]}


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_training_is_written_for_tensorboard_and_as_csv(in_session, examples, tmp_path):
    out = tmp_path / "model"
    done = in_session(
        "train", examples / "tickets" / "tickets.csv", "-o", out, "--preset", "plain", "--epochs", 2, "--no-baseline",
        "--device", "cpu", "--set", "model.embedding.dim=8", "--set", "model.encoder.hidden=4",
        "--track", "tensorboard", "--track", "csv",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    history = json.loads((out / "report" / "metrics.json").read_text(encoding="utf-8"))["history"]
    seen = scalars(tmp_path / "model.tracking" / "tensorboard")
    for figure in ("train_loss", "valid_loss", "valid_score"):
        expected = [(epoch["step"], pytest.approx(epoch[figure])) for epoch in history]
        assert seen[figure] == expected
        listed = [row for row in rows(tmp_path / "model.tracking" / "log.csv") if row["epoch"]]
        assert [(int(row["step"]), float(row[figure])) for row in listed] == expected
    assert [step for step, _ in seen["loss"]] == list(range(EVERY, history[-1]["step"] + 1, EVERY))
    assert seen["final/valid_score"][0][0] == history[-1]["step"]


def steps(*numbers):
    """Progress at steps; every hundredth ends an epoch."""
    for step in numbers:
        ended = {"epoch": step // 100, "train_loss": 0.4, "valid_loss": 0.5, "valid_score": 0.9, "seconds": step / 10}
        finished = Epoch(step=step, **ended) if step % 100 == 0 else None
        yield Progress(epoch=1, epochs=3, step=step, steps=300, loss=1 / step, seconds=step / 10, finished=finished)


def test_what_a_resumed_run_repeats_stands_there_once(tmp_path):
    for resumed, numbers in ((False, (20, 40, 100, 120, 140)), (True, (120, 200))):
        with tracking(["csv", "tensorboard"], tmp_path / "model", Config(), resumed=resumed) as told:
            for progress in steps(*numbers):
                told.watch(progress)
    folder = tmp_path / "model.tracking"
    assert [int(row["step"]) for row in rows(folder / "log.csv")] == [20, 40, 100, 120, 200]
    assert [step for step, _ in scalars(folder / "tensorboard")["loss"]] == [20, 40, 120]


def test_steps_go_on_rising_in_a_training_that_follows_another(tmp_path):
    with tracking(["csv"], tmp_path / "model", Config()) as told:
        for before in (0, 100):
            for progress in steps(20, 40):
                told.watch(replace(progress, before=before))
    assert [int(row["step"]) for row in rows(tmp_path / "model.tracking" / "log.csv")] == [20, 40, 120, 140]


def test_a_new_run_replaces_the_notes_of_the_last_one(tmp_path):
    for numbers in ((20, 40), (20,)):
        with tracking(["csv", "tensorboard"], tmp_path / "model", Config()) as told:
            for progress in steps(*numbers):
                told.watch(progress)
    assert len(rows(tmp_path / "model.tracking" / "log.csv")) == 1
    assert len(scalars(tmp_path / "model.tracking" / "tensorboard")["loss"]) == 1


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_a_tracker_that_is_not_installed_is_one_line_with_the_command(tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, {"tensorboard": "torch.utils.tensorboard"}.get(name, name), None)
    with (
        pytest.raises(ConfigError, match=f"--track {name} needs {name}; pip install {name}"),
        tracking(["csv", name], tmp_path / "model", Config()),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_is_refused_leaves_no_folder_of_trackers(tmp_path):
    with pytest.raises(KeyboardInterrupt), tracking(["csv", "tensorboard"], tmp_path / "model", Config()):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_the_command_offers_every_tracker():
    from attnclf_cli.train import Tracker

    assert {tracker.value for tracker in Tracker} == set(TRACKERS)
