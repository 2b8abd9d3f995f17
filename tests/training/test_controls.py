"""The controls of attention: frozen weights stay, the rest is trained, and the command says what attention earns."""

import csv
import json

import numpy as np
import pytest
import torch

from attnclf.catalog import ARCHITECTURES
from attnclf.config import Config, merged
from attnclf.data.corpus import read
from attnclf.errors import ConfigError
from attnclf.runtime.classifier import Classifier
from attnclf.training import controls
from attnclf.training.building import freeze_attention
from attnclf.training.controls import control_config, origin_of, retrained

IDS, LENGTHS = torch.tensor([[3, 4, 5, 6], [7, 8, 0, 0]]), torch.tensor([4, 2])


@pytest.fixture
def network():
    torch.manual_seed(1)
    config = Config.from_dict({"model": {"embedding": {"dim": 6}, "encoder": {"hidden": 5}}}).model
    return ARCHITECTURES["temporal"].build(config, 12, 3, 10)


@pytest.mark.parametrize("score", ["temporal", "additive", "general", "cosine"])
def test_uniform_weights_are_even_over_the_units_of_a_text_whatever_the_score(score):
    settings = {"embedding": {"dim": 6}, "encoder": {"hidden": 5}, "attention": {"score": score}}
    made = ARCHITECTURES["temporal"].build(Config.from_dict({"model": settings}).model, 12, 3, 10)
    freeze_attention(made.pooling, "uniform")
    weights = made.eval()(IDS, LENGTHS).weights.detach().numpy()
    assert weights == pytest.approx(np.array([[0.25] * 4, [0.5, 0.5, 0, 0]]), abs=1e-6)


def test_frozen_weights_stay_as_they_were_drawn_while_the_encoder_learns(network):
    before = {name: value.clone() for name, value in network.named_parameters()}
    freeze_attention(network.pooling, "frozen")
    network(IDS, LENGTHS).logits.square().sum().backward()
    torch.optim.SGD(network.parameters(), lr=0.1).step()
    moved = {name for name, value in network.named_parameters() if not torch.equal(value, before[name])}
    assert not {name for name in moved if name.startswith("pooling.")}
    assert {"embedding.weight", "dense.weight"} < moved
    assert any(name.startswith("encoder.") for name in moved)


def test_a_control_changes_only_what_attention_may_learn():
    own = Config.from_dict(
        {"model": {"attention": {"score": "additive", "alignment": "entmax15"}}, "training": {"seed": 7}}
    )
    frozen, uniform = (control_config(own.to_dict(), weights) for weights in ("frozen", "uniform"))
    assert frozen.model == own.model
    assert frozen.training.seed == 7
    assert (uniform.model.attention.score, uniform.model.attention.alignment) == ("additive", "global")
    assert not frozen.learns_rationales
    hard = {"model": {"attention": {"alignment": "hard", "context": "hard"}}}
    assert control_config(Config.from_dict(hard).to_dict(), "uniform").model.attention.context == "soft"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"model": {"architecture": "feature-gate"}}, "architecture 'feature-gate' does not pool states"),
        ({"model": {"attention": {"alignment": "local-m"}}}, "alignment 'local-m' gives tokens different weights"),
    ],
)
def test_settings_that_cannot_be_held_are_refused(settings, problem):
    with pytest.raises(ConfigError, match=problem):
        Config.from_dict({**settings, "training": {"attention": {"weights": "uniform"}}})


@pytest.mark.long
def test_evaluate_shows_the_model_beside_its_controls(in_session, model, examples):
    data = examples / "tickets" / "tickets.csv"
    asked = ["evaluate", data, "-m", model, "--explanations", "--explain-rows", 3, "--method", "attention"]
    done = in_session(*asked, "--controls", "--train", data, "--format", "json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    controls = found["controls"]
    assert (controls["rows"], controls["measure"]) == (found["rows"], "accuracy")
    assert controls["own"]["mean"] == pytest.approx(found["accuracy"])
    for name in ("uniform attention", "frozen random attention"):
        one = controls[name]
        assert one["score"]["mean"] > 0.5  # the encoder and the n-grams have learned
        assert one["lost"]["mean"] == pytest.approx(controls["own"]["mean"] - one["score"]["mean"])
        assert one["lost"]["low"] <= one["lost"]["mean"] <= one["lost"]["high"]
        assert f"Training with {name}" in done.stderr


class TrainedError(Exception):
    """Raised in place of a training, with the options that it got."""


def test_controls_weigh_rows_as_the_model_did(model, examples, tmp_path, monkeypatch):
    rows = list(csv.DictReader((examples / "tickets" / "tickets.csv").read_text(encoding="utf-8").splitlines(True)))
    data = tmp_path / "weighed.jsonl"
    data.write_text("".join(json.dumps({**row, "weight": 1 + number % 3}) + "\n" for number, row in enumerate(rows)))
    classifier = Classifier.load(model)
    classifier.bundle.manifest["training"]["weight_column"] = "weight"

    def trained(*arguments, sources, **others):
        raise TrainedError(sources.options)

    monkeypatch.setattr(controls, "train", trained)
    with pytest.raises(TrainedError) as caught:
        retrained(classifier, read(str(data)), origin_of(classifier, str(data)))
    assert caught.value.args[0].weight_column == "weight"


def test_without_the_rows_it_learned_from_the_remedy_is_named(in_session, model, examples, tmp_path):
    data = examples / "tickets" / "tickets.csv"
    asked = ["evaluate", data, "-m", model, "--explanations", "--explain-rows", 2, "--method", "random", "--controls"]
    done = in_session(*asked)
    assert done.exit_code == 1
    assert "does not keep the rows that it was trained on; pass them to --controls: --train FILE" in done.stderr
    fewer = tmp_path / "fewer.csv"
    fewer.write_text("".join(data.read_text(encoding="utf-8").splitlines(keepends=True)[:200]), encoding="utf-8")
    done = in_session(*asked, "--train", fewer)
    assert done.exit_code == 1
    assert "rows, and these are 1" in done.stderr
    assert "Explanations:" not in done.stderr  # before anything is scored
    rows = list(csv.DictReader(data.read_text(encoding="utf-8").splitlines(True)))
    apart, foreign = tmp_path / "apart.jsonl", tmp_path / "foreign.csv"
    apart.write_text("".join(json.dumps(row) + "\n" for place, row in enumerate(rows) if place % 10))
    foreign.write_text("text,label\nmy card,pos\nno parcel,neg\n")
    done = in_session(*asked, "--train", apart, "--valid", foreign)
    assert done.exit_code == 1
    assert "Explanations:" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: no row has a label of the training rows")
    assert in_session(*asked[:-1], "--train", data).exit_code == 2


def test_a_model_has_the_name_of_its_vectors_alone_and_controls_want_the_file_here(
    exporting, small, tmp_path, monkeypatch
):
    from attnclf.training.pipeline import train

    place = tmp_path / "vectors of mine"
    place.mkdir()
    (place / "small.vec").write_text("my 0.1 0.2\nparcel 0.3 -0.1\ncard -0.2 0.4\n")
    data = place / "rows.jsonl"
    said = [("my parcel is late", "delivery"), ("my card is gone", "billing")] * 10
    data.write_text(
        "".join(json.dumps({"text": f"{text} {n}", "label": name}) + "\n" for n, (text, name) in enumerate(said))
    )
    model = tmp_path / "model"
    settings = merged(small, {"model": {"embedding": {"vectors": str(place / "small.vec")}}})
    train(str(data), model, config=Config.from_dict(settings), device="cpu", baseline=False, say=lambda line: None)
    assert Classifier.load(model).bundle.manifest["config"]["model"]["embedding"]["vectors"] == "small.vec"
    assert all(b"vectors of mine" not in path.read_bytes() for path in model.rglob("*") if path.is_file())
    with pytest.raises(ConfigError, match=r"the vectors of small\.vec, and that file is not here; run the command in"):
        origin_of(Classifier.load(model), str(data))
    monkeypatch.chdir(place)
    assert origin_of(Classifier.load(model), "rows.jsonl").data == "rows.jsonl"
