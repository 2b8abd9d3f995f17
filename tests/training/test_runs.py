"""Runs of training against each other: repeated, cut off and resumed, interrupted, diverging."""

import contextlib
import json
import shutil
import signal
import time

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from support import weights_alone

from attnclf.config import Config, merged
from attnclf.data.labels import LabelSet
from attnclf.data.training_set import Sources
from attnclf.errors import ConfigError, TrainingError
from attnclf.runtime.classifier import Classifier
from attnclf.text.ragged import Ragged
from attnclf.training import checkpoint, packaging, preparation, trainer
from attnclf.training import pipeline as training
from attnclf.training.distributed import Ranks
from attnclf.training.examples import Examples
from attnclf.training.limits import Interrupted
from attnclf.training.pipeline import train

pytestmark = pytest.mark.usefixtures("exporting")


@pytest.fixture(scope="module")
def data(tmp_path_factory, examples):
    """A hundred rows of the Russian example."""
    path = tmp_path_factory.mktemp("data") / "rows.txt"
    lines = (examples / "intents-ru" / "intents.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:100]), encoding="utf-8")
    return path


@pytest.fixture
def run(data, small):
    """Train on the rows with changes to the small settings."""

    def run(out, *, changes=None, **arguments):
        config = Config.from_dict(merged(small, {"training": {"epochs": 4}}, changes or {}))
        return train(str(data), out, config=config, device="cpu", baseline=False, **{"say": str, **arguments})

    return run


UNDER_TORCHRUN = Ranks(0, 1)  # a process that others may join


def weights(folder):
    return (folder / "weights.safetensors").read_bytes()


class KilledError(Exception):
    pass


def test_the_same_seed_makes_the_same_model_byte_for_byte(run, tmp_path):
    run(tmp_path / "one")
    torch.rand(7)  # what was drawn before does not matter
    run(tmp_path / "again")
    for name in ("weights.safetensors", "model.onnx", "tokenizer.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


def test_another_seed_makes_another_model(unexported, run, tmp_path, whole_runs):
    run(tmp_path / "other", changes={"training": {"seed": 1}})
    assert weights(tmp_path / "other") != weights(whole_runs({})[0])


RECIPES = {
    "plain": {},
    "average": {"training": {"average": 0.9}},
    "adversarial": {"training": {"adversarial": 0.7, "word_dropout": 0.1, "label_smoothing": 0.1}},
    "two GRU layers": {"model": {"encoder": {"cell": "gru", "layers": 2}}},
}


@pytest.mark.parametrize(
    ("recipe", "last_step"),
    [("plain", 5), ("plain", 20), ("plain", 30), ("average", 20), ("adversarial", 20), ("two GRU layers", 20)],
)  # an epoch has 12 steps
def test_a_run_cut_off_at_any_step_and_resumed_ends_as_if_nothing_had_happened(
    unexported, run, tmp_path, monkeypatch, whole_runs, recipe, last_step
):
    changes = RECIPES[recipe]

    def fall(progress):
        if progress.step == last_step:
            raise KilledError

    monkeypatch.setattr(trainer, "SAVE_EVERY", 0.0)  # a checkpoint at every step
    out = tmp_path / "out"
    with pytest.raises(KilledError):
        run(out, changes=changes, watch=fall)
    assert not out.exists()
    said = []
    resumed = run(out, changes=changes, resume=True, say=said.append)
    assert any(line.startswith("Resuming in epoch") for line in said)
    folder, history = whole_runs(changes)
    assert weights(out) == weights(folder)
    assert [without_time(epoch) for epoch in resumed.outcome.history] == history
    assert not (tmp_path / "out.training").exists()


def cut_off(run, out, **arguments):
    """Begin a run that falls in its third epoch."""

    def fall(progress):
        if progress.epoch == 3 and progress.stage == "labels":
            raise KilledError

    with pytest.raises(KilledError):
        run(out, watch=fall, **arguments)


def test_every_row_of_the_table_may_move_at_every_step_and_the_run_ends_alike(unexported, run, tmp_path, whole_runs):
    run(tmp_path / "out", ranks=UNDER_TORCHRUN)
    by_rows, whole = (load_file(folder / "weights.safetensors") for folder in (whole_runs({})[0], tmp_path / "out"))
    for name, value in by_rows.items():
        np.testing.assert_allclose(whole[name], value, atol=1e-4, err_msg=name)


def test_one_process_goes_on_with_what_several_began(unexported, run, tmp_path):
    for name, arguments in (("whole", {"ranks": UNDER_TORCHRUN}), ("out", {"resume": True})):
        if name == "out":
            cut_off(run, tmp_path / name, ranks=UNDER_TORCHRUN)
        run(tmp_path / name, **arguments)
    assert weights(tmp_path / "out") == weights(tmp_path / "whole")


def test_what_one_process_began_is_not_gone_on_with_by_several(run, tmp_path):
    cut_off(run, tmp_path / "out")
    with pytest.raises(TrainingError, match=r"began in one process on a CPU .*; resume it there with --device cpu"):
        run(tmp_path / "out", resume=True, ranks=UNDER_TORCHRUN)


def test_what_was_learned_before_the_labels_is_not_learned_again_by_a_run_that_goes_on(unexported, run, tmp_path, data):
    more = tmp_path / "more.txt"
    more.write_text("\n".join(line.split(maxsplit=1)[1] for line in data.read_text(encoding="utf-8").splitlines()))
    changes = {"model": {"embedding": {"start": "cooccurrence"}}, "training": {"pretraining": 3}}
    learning = {"changes": changes, "sources": Sources(unlabeled=str(more))}
    stages = []
    run(tmp_path / "whole", **learning, watch=lambda progress: stages.append(progress.stage))
    assert stages.index("labels") == stages.count("words") > 0
    cut_off(run, tmp_path / "out", **learning)
    said, stages = [], []
    run(
        tmp_path / "out", **learning, resume=True, say=said.append, watch=lambda progress: stages.append(progress.stage)
    )
    assert set(stages) == {"labels"}
    assert not any(line.startswith("Pretrained on") for line in said)
    assert weights(tmp_path / "out") == weights(tmp_path / "whole")


def test_a_run_stopped_while_it_foretells_words_begins_with_them_again(unexported, run, tmp_path, data):
    more = tmp_path / "more.txt"
    more.write_text("\n".join(line.split(maxsplit=1)[1] for line in data.read_text(encoding="utf-8").splitlines()))
    learned = {"pretraining": 3, "self_training": False}
    changes = {"model": {"embedding": {"start": "cooccurrence"}}, "training": learned}
    learning = {"changes": changes, "sources": Sources(unlabeled=str(more))}
    run(tmp_path / "whole", **learning)
    interrupted = Interrupted()

    def stop(progress):
        interrupted.requested |= progress.stage == "words" and progress.step == 2

    assert run(tmp_path / "out", **learning, watch=stop, interrupted=interrupted).outcome.ending == "interrupted"
    shutil.rmtree(tmp_path / "out")
    said = []
    run(tmp_path / "out", **learning, resume=True, say=said.append)
    assert "Resuming from the beginning: training was stopped while the network was being pretrained" in said
    assert weights(tmp_path / "out") == weights(tmp_path / "whole")


def without_time(epoch):
    return {name: value for name, value in epoch.items() if name != "seconds"}


@pytest.fixture(scope="module")
def whole_runs(data, small, tmp_path_factory):
    """Uninterrupted runs by their changes to the settings, each made once: folder of weights and learning curve."""
    made = {}

    def whole(changes):
        key = json.dumps(changes)
        if key not in made:
            out = tmp_path_factory.mktemp("whole") / "out"
            config = Config.from_dict(merged(small, {"training": {"epochs": 4}}, changes))
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(training, "write_bundle", weights_alone)
                finished = train(str(data), out, config=config, device="cpu", baseline=False, say=str)
            made[key] = out, [without_time(epoch) for epoch in finished.outcome.history]
        return made[key]

    return whole


def test_a_run_cut_off_after_it_stopped_early_learns_no_more(unexported, run, tmp_path, monkeypatch):
    changes = {"training": {"epochs": 12, "patience": 1, "learning_rate": 0.05}}
    whole = run(tmp_path / "whole", changes=changes)
    assert whole.outcome.ending == "no better"
    out = tmp_path / "out"

    def fall(*arguments, **named):
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(training, "write_bundle", fall)  # killed while the model is being written
        with pytest.raises(KilledError):
            run(out, changes=changes)
    resumed = run(out, changes=changes, resume=True)
    assert len(resumed.outcome.history) == len(whole.outcome.history)
    assert resumed.outcome.ending == "no better"
    assert weights(out) == weights(tmp_path / "whole")


@pytest.mark.parametrize(
    "changes",
    [{"training": {"seed": 1}}, {"training": {"learning_rate": 0.01}}, {"model": {"encoder": {"hidden": 9}}}],
    ids=str,
)
def test_resuming_with_other_settings_is_refused(run, tmp_path, changes):
    def fall(progress):
        if progress.epoch == 2:
            raise KilledError

    with pytest.raises(KilledError):
        run(tmp_path / "out", watch=fall)
    with pytest.raises(TrainingError, match="belongs to a run with other data or settings"):
        run(tmp_path / "out", changes=changes, resume=True)
    assert (tmp_path / "out.training").exists()


def test_resuming_with_more_time_is_allowed(unexported, run, tmp_path):
    def fall(progress):
        if progress.epoch == 2:
            raise KilledError

    with pytest.raises(KilledError):
        run(tmp_path / "out", watch=fall, changes={"training": {"time_limit": 500.0}})
    run(tmp_path / "out", resume=True, changes={"training": {"time_limit": 1000.0}})


def test_resuming_where_there_is_nothing_to_resume_is_refused(run, tmp_path):
    with pytest.raises(TrainingError, match=r"there is nothing to resume .*; start without --resume"):
        run(tmp_path / "out", resume=True)


def test_a_damaged_checkpoint_is_refused(run, tmp_path):
    (tmp_path / "out.training").mkdir()
    (tmp_path / "out.training" / "checkpoint.pt").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(TrainingError, match="is damaged; delete it and start without --resume"):
        run(tmp_path / "out", resume=True)


def test_a_checkpoint_of_another_version_is_refused(run, tmp_path, monkeypatch):
    def fall(progress):
        if progress.epoch == 2:
            raise KilledError

    with pytest.raises(KilledError):
        run(tmp_path / "out", watch=fall)
    monkeypatch.setattr(checkpoint, "LAYOUT", checkpoint.LAYOUT + 1)
    with pytest.raises(TrainingError, match="another version of attnclf; resume with that version, or start without"):
        run(tmp_path / "out", resume=True)


def test_an_interruption_keeps_the_best_epoch_so_far(run, tmp_path):
    interrupted = Interrupted()

    def stop(progress):
        interrupted.requested = progress.step == 20

    finished = run(tmp_path / "out", watch=stop, interrupted=interrupted)
    assert finished.outcome.ending == "interrupted"
    assert [epoch["step"] for epoch in finished.outcome.history] == [12, 20]
    assert len(Classifier.load(tmp_path / "out").predict(["курс доллара"])) == 1


@pytest.mark.parametrize("step", [5, 12])  # within an epoch, and at the end of one
def test_an_interrupted_run_goes_on_where_it_was(unexported, run, tmp_path, whole_runs, step):
    interrupted = Interrupted()

    def stop(progress):
        interrupted.requested = progress.step == step

    run(tmp_path / "out", watch=stop, interrupted=interrupted)
    assert weights(tmp_path / "out") != weights(whole_runs({})[0])
    shutil.rmtree(tmp_path / "out")  # weights alone, no model that could be replaced
    run(tmp_path / "out", resume=True)
    assert weights(tmp_path / "out") == weights(whole_runs({})[0])


def test_a_loss_that_is_not_finite_is_one_line_with_the_remedy(run, tmp_path, monkeypatch):
    build = preparation.build

    def poisoned(*arguments):
        network, config = build(*arguments)
        with torch.no_grad():
            next(network.parameters()).fill_(float("nan"))
        return network, config

    monkeypatch.setattr(preparation, "build", poisoned)
    with pytest.raises(TrainingError) as refusal:
        run(tmp_path / "out")
    assert str(refusal.value).startswith("training diverged: the loss is nan at step 1; lower the learning rate")
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()


def test_a_label_that_every_row_has_is_weighed_too(small):
    labels = LabelSet(("every", "some"), True)
    targets = np.array([[1, 1], [1, 0], [1, 0], [1, 0]], np.float32)
    config = Config.from_dict(merged(small, {"training": {"class_weights": "balanced"}}))
    examples = Examples(
        tokens=Ragged.of([np.array([2])] * 4),
        targets=targets,
        weights=np.ones(4, np.float32),
        vocabulary=3,
        unknown=None,
    )
    assert preparation.label_weights(config, labels, examples).tolist() == pytest.approx([0.01, 3])


def test_weights_for_which_there_is_no_room_are_an_error_of_the_system(tmp_path):
    (tmp_path / "weights.safetensors").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        packaging._checked(tmp_path, torch.nn.Linear(2, 2), None)


def test_class_weights_that_are_all_0_are_refused(small):
    labels = LabelSet(("ham", "spam"), False)
    config = Config.from_dict(merged(small, {"training": {"class_weights": {"ham": 0.0, "spam": 0.0}}}))
    examples = Examples(
        tokens=Ragged.of([np.array([2])] * 2),
        targets=np.array([0, 1]),
        weights=np.ones(2, np.float32),
        vocabulary=3,
        unknown=None,
    )
    with pytest.raises(ConfigError, match="every class weight is 0; give a label a weight above 0"):
        preparation.label_weights(config, labels, examples)


@pytest.fixture
def command(attnclf, data, tmp_path):
    """The command line of a run with so many epochs that there is time to cut it off."""

    def line(out, *more, epochs=20):
        return [
            "train", data, "--out", tmp_path / out, "--preset", "plain", "--no-baseline", "--device", "cpu",
            "--epochs", epochs, "--set", "training.min_steps=1", "--set", "training.patience=99",
            "--set", "model.embedding.dim=12", "--set", "model.encoder.hidden=8", *more,
        ]  # fmt: skip

    return line


def wait_for(process, words):
    """Read stderr until a line has the words."""
    for line in process.stderr:
        if words in line.decode():
            return
    raise AssertionError(f"the process ended without {words!r}")


@pytest.mark.long
def test_a_process_killed_in_mid_training_and_resumed_makes_the_model_of_one_that_was_not(
    attnclf, in_session, command, tmp_path
):
    done = in_session(*command("whole"))
    assert done.returncode == 0, done.stderr
    with attnclf.start(*command("killed")) as process:
        wait_for(process, "epoch   3/20")
        process.kill()
        process.stdout.read()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed").exists()
    assert (tmp_path / "killed.training" / "checkpoint.pt").exists()
    done = in_session(*command("killed", "--resume"))
    assert done.returncode == 0, done.stderr
    assert "Resuming in epoch" in done.stderr
    assert "epoch   1/20" not in done.stderr
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "killed"}


def test_one_ctrl_c_keeps_the_best_model_so_far_and_exits_with_130(attnclf, command, tmp_path):
    with attnclf.start(*command("out", epochs=100_000)) as process:
        wait_for(process, "epoch   2/100000")
        process.send_signal(signal.SIGINT)
        output, notes = process.communicate(timeout=300)
    assert process.returncode == 130
    assert b"Traceback" not in notes
    assert b"Stopping; the best model so far is kept" in notes
    assert b"accuracy" in output
    assert json.loads((tmp_path / "out" / "attnclf.json").read_text())["training"]["ending"] == "interrupted"
    assert [one.label is not None for one in Classifier.load(tmp_path / "out").predict(["курс доллара"])] == [True]


def test_a_terminated_training_leaves_its_checkpoint_alone_also_while_the_model_is_written(attnclf, command, tmp_path):
    def written():
        return [path for path in tmp_path.glob(".out.*") if (path / "tokenizer.json").exists()]

    with attnclf.start(*command("out", epochs=1)) as process:
        while process.poll() is None and not written():
            time.sleep(0.01)
        process.terminate()
        output, notes = process.communicate(timeout=300)
    assert (process.returncode, output) == (143, b"")
    assert b"Traceback" not in notes
    assert [path.name for path in tmp_path.iterdir()] == ["out.training"]


@pytest.mark.long
def test_two_ctrl_c_leave_without_a_model(attnclf, command, tmp_path):
    with attnclf.start(*command("out", epochs=100_000)) as process:
        wait_for(process, "epoch   1/100000")
        process.send_signal(signal.SIGINT)
        wait_for(process, "Stopping")
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        _, notes = process.communicate(timeout=300)
    assert process.returncode == 130
    assert b"Traceback" not in notes
    assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir()] in ([], ["out.training"])
