"""Results that are read late, as on a GPU, are the same results."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.config import Config
from attnclf.errors import TrainingError
from attnclf.training import trainer
from attnclf.training.pipeline import train
from attnclf.training.transfer import arriving, behind, late, sent


@given(st.lists(st.integers()), st.integers(0, 4))
@settings(deadline=None)
def test_late_results_come_in_order_each_after_so_many_others_were_started(results, by):
    started = 0

    def start():
        nonlocal started
        for result in results:
            started += 1
            yield result

    for number, result in enumerate(late(start(), by)):
        assert result == results[number]
        assert started == min(number + 1 + by, len(results))


def test_on_a_cpu_nothing_is_copied_and_nothing_is_late():
    cpu = torch.device("cpu")
    array = np.arange(3)
    tensor = sent(array, cpu)
    array[0] = 7
    assert tensor.tolist() == [7, 1, 2]
    assert arriving(tensor)() is tensor
    assert behind(cpu) == 0


def trained(data, out, small):
    config = copy.deepcopy(small)
    config["training"]["epochs"] = 3
    done = train(str(data), out, config=Config.from_dict(config), device="cpu", baseline=False, say=lambda line: None)
    curve = [{name: value for name, value in epoch.items() if name != "seconds"} for epoch in done.outcome.history]
    return (out / "weights.safetensors").read_bytes(), curve


def test_a_run_that_reads_its_losses_late_learns_and_reports_the_same(
    unexported, exporting, examples, small, tmp_path, monkeypatch
):
    data = examples / "tickets" / "tickets.csv"
    promptly = trained(data, tmp_path / "promptly", small)
    monkeypatch.setattr(trainer, "behind", lambda device: 1)
    belated = trained(data, tmp_path / "late", small)
    assert belated == promptly


def test_a_loss_that_is_not_finite_is_told_with_its_own_step_also_when_it_is_read_late(
    exporting, examples, small, tmp_path, monkeypatch
):
    step, steps = trainer.Step.take, []

    def diverging(taken, rows, learning_rate):
        steps.append(rows)
        return step(taken, rows, learning_rate) * (torch.nan if len(steps) == 3 else 1)

    monkeypatch.setattr(trainer.Step, "take", diverging)
    monkeypatch.setattr(trainer, "behind", lambda device: 1)
    with pytest.raises(TrainingError, match="the loss is nan at step 3;"):
        trained(examples / "tickets" / "tickets.csv", tmp_path / "model", small)
    assert len(steps) == 4
