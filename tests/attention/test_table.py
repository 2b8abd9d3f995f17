"""The table: what may be combined, and that every combination trains, is exported, and computes the same there."""

import inspect
import itertools
import logging
import re
import warnings

import numpy as np
import onnxruntime
import pytest
import torch
from support import shapes_unchecked
from torch import nn
from torch.export import Dim

from attnclf.attention.pooling import Pooling
from attnclf.catalog import ALIGNMENTS, ARCHITECTURES, CONTEXTS, SCORES, register_alignment, register_score
from attnclf.config import AttentionConfig, EmbeddingConfig, EncoderConfig, ModelConfig
from attnclf.errors import ConfigError, ExportError
from attnclf.export.onnx import OPSET, export_onnx
from attnclf.export.parity import check_parity, chose_otherwise

VOCABULARY, LABELS, LONGEST, DIM = 30, 4, 25, 5
REFUSED = {(score, "local-p") for score in ("temporal", "feed_forward")}
VALID = [
    names
    for names in itertools.product(SCORES, ALIGNMENTS, CONTEXTS)
    if names[:2] not in REFUSED and (names[2] != "hard" or names[1] == "hard")
]
# Score and alignment are functions apart, so each is exported once, with a partner that works.
APART = [
    *[(score, "global", "soft") for score in SCORES],
    *[("additive", alignment, "soft+max") for alignment in ALIGNMENTS],
    ("general", "hard", "hard"),
]
# The whole way, network and gate: every alignment, every context, and the scores bound to a length.
WHOLE = [
    ("feed_forward", "sparsemax", "soft+max"),
    ("location", "local-p", "soft"),
    ("cosine", "hard", "hard"),
    ("biased_general", "entmax15", "soft+max"),
    ("scaled_dot", "local-m", "soft"),
]


def like_another(score, alignment, context):
    """Tell whether it only puts the greatest state beside a context of its own that is tried too."""
    return context == "soft+max" and score != "additive" and alignment != "global"


def attention(names):
    return AttentionConfig(**dict(zip(("score", "alignment", "context"), names, strict=True)), window=2)


def network(names):
    """Return a tiny network whose every parameter is sizeable, so that no path of it is silent."""
    config = ModelConfig(
        embedding=EmbeddingConfig(dim=6), encoder=EncoderConfig(cell="gru", hidden=4), attention=attention(names)
    )
    torch.manual_seed(0)
    built = ARCHITECTURES["temporal"].build(config, VOCABULARY, LABELS, LONGEST)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.normal_(std=0.5)
        built.embedding.weight[0] = 0
    return built


def inputs(batch=6, time=9):
    lengths = torch.randint(1, time + 1, (batch,), generator=torch.Generator().manual_seed(0))
    ids = torch.randint(1, VOCABULARY, (batch, time), generator=torch.Generator().manual_seed(1))
    return ids * (torch.arange(time) < lengths.unsqueeze(1)), lengths


# What may be combined


def test_a_combination_is_accepted_exactly_when_it_makes_sense():
    accepted = []
    for names in itertools.product(SCORES, ALIGNMENTS, CONTEXTS):
        try:
            attention(names)
        except ConfigError:
            continue
        accepted.append(names)
    assert accepted == VALID


@pytest.mark.parametrize("score", ["temporal", "feed_forward"])
def test_a_predicted_place_without_a_query_is_told_the_scores_that_have_one(score):
    with pytest.raises(ConfigError) as raised:
        AttentionConfig(score=score, alignment="local-p")
    assert str(raised.value) == (
        f"alignment 'local-p' predicts its position from the query, and score '{score}' has none; "
        "use a score with a query: additive, dot, scaled_dot, general, biased_general, location, cosine"
    )


def test_one_value_of_several_weighed_is_told_the_choices():
    with pytest.raises(ConfigError) as raised:
        AttentionConfig(alignment="sparsemax", context="hard")
    assert str(raised.value) == (
        "context 'hard' takes one value, and alignment 'sparsemax' weighs several; "
        "use alignment: hard; or context: soft, soft+max"
    )


# Training


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(names, id=", ".join(names), marks=[pytest.mark.long] if like_another(*names) else [])
        for names in VALID
    ],
)
def test_every_combination_learns_two_texts_apart(names):
    built = network(names).train()
    ids, lengths = inputs(batch=2)
    optimizer = torch.optim.Adam(built.parameters(), lr=0.07)
    losses = []
    for _ in range(9):
        loss = nn.functional.cross_entropy(built(ids, lengths).logits, torch.tensor([0, 1]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])


# Export


class Poolings(nn.Module):
    """Several poolings of the same states, to be exported at once: an export takes seconds, whatever its size."""

    def __init__(self, combinations):
        super().__init__()
        self.poolings = nn.ModuleList(Pooling(attention(names), DIM, LONGEST) for names in combinations)

    def forward(self, hidden, lengths):
        keep = torch.arange(hidden.shape[1]) < lengths.unsqueeze(1)
        pooled = [pooling(hidden, keep) for pooling in self.poolings]
        return torch.cat([context for context, *_ in pooled], dim=1), torch.stack([weights for _, weights, _ in pooled])


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """Return the poolings of `APART` and a session on their file, traced at batch 2, length 7."""
    torch.manual_seed(0)
    module = Poolings(APART).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_()
    path = tmp_path_factory.mktemp("together") / "model.onnx"
    batch, time = Dim("batch", min=1), Dim("time", min=1)
    with shapes_unchecked(), warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            module,
            (torch.randn(2, 7, DIM), torch.tensor([7, 4])),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=["hidden", "lengths"],
            dynamic_shapes={"hidden": {0: batch, 1: time}, "lengths": {0: batch}},
        )
    program.save(str(path))
    return module, onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(("batch", "time"), [(1, 1), (1, LONGEST), (3, 5), (4, 11), (17, 2)])
def test_every_score_alignment_and_context_computes_the_same_when_exported(together, batch, time):
    module, session = together
    hidden = torch.randn(batch, time, DIM, generator=torch.Generator().manual_seed(time))
    lengths = torch.randint(1, time + 1, (batch,), generator=torch.Generator().manual_seed(batch))
    with torch.no_grad():
        contexts, weights = module(hidden, lengths)
    found = session.run(None, {"hidden": hidden.numpy(), "lengths": lengths.numpy()})
    for names, ours, theirs in zip(APART, weights.numpy(), found[1], strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-5, rtol=0, err_msg=str(names))
    np.testing.assert_allclose(found[0], contexts.numpy(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("names", WHOLE, ids=", ".join)
def test_networks_of_every_kind_pass_the_gate(exporting, names, tmp_path):
    built, path = network(names).eval(), tmp_path / "model.onnx"
    export_onnx(built, path, multi_label=False)
    assert check_parity(built, path, vocabulary=VOCABULARY, multi_label=False, max_length=LONGEST) <= 1e-5
    if names[1] == "hard":
        with torch.no_grad():
            built.pooling.query.neg_()  # chooses another position in most texts
        with pytest.raises(ExportError, match=r"makes other choices than the trained one in \d+ of 45 texts"):
            check_parity(built, path, vocabulary=VOCABULARY, multi_label=False, max_length=LONGEST)


def test_only_a_choice_of_another_position_counts_as_decided_otherwise():
    ours = np.array([[1, 0, 0], [1, 0, 0], [0.6, 0.4, 0], [1, 0, 0], [np.nan, 0, 0]])
    theirs = np.array([[1, 0, 0], [0, 1, 0], [0.4, 0.6, 0], [0.1, 0.9, 0], [0, 1, 0]])
    assert chose_otherwise(ours, theirs).tolist() == [False, True, False, False, False]


# Adding a mechanism


def nearest(query, keys, log_scale):
    """Minus the squared distance between query and key, with a learned scale: a score that the table does not know."""
    distance = (query.unsqueeze(-2) - keys.unsqueeze(-3)).square().sum(dim=-1)
    return -log_scale.exp() * distance


@pytest.fixture
def own_score():
    register_score("nearest", nearest, parameters={"log_scale": ""}, formula="−β ‖q − h_t‖²")
    yield
    del SCORES["nearest"]


@pytest.mark.usefixtures("own_score")
def test_a_score_from_outside_is_one_function_and_one_call(exporting, tmp_path):
    from attnclf.config import Config
    from attnclf.explain.api import explain
    from attnclf.runtime.classifier import Classifier
    from attnclf.training.pipeline import train

    labels = {"good": "up", "bad": "down"}
    rows = [f"{word} thing number {number},{label}" for word, label in labels.items() for number in range(20)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    config = {
        "text": {"max_length": 12, "min_frequency": 1},
        "model": {"embedding": {"dim": 8}, "encoder": {"hidden": 4}, "attention": {"score": "nearest"}},
        "training": {"epochs": 12, "min_steps": 1, "batch_size": 8, "learning_rate": 0.05},
    }
    out = tmp_path / "model"
    train(
        str(tmp_path / "rows.csv"), out, config=Config.from_dict(config), device="cpu", baseline=False,
        say=lambda line: None,
    )  # fmt: skip
    classifier = Classifier.load(out, device="cpu", threads=1)
    assert classifier.bundle.manifest["config"]["model"]["attention"]["score"] == "nearest"
    explained = list(explain(classifier, ["good thing", "bad thing"]))
    assert [found.label for found in explained] == ["up", "down"]


@pytest.mark.usefixtures("own_score")
def test_a_misspelt_mechanism_is_told_the_new_one_too():
    with pytest.raises(ConfigError, match=re.escape(", cosine, nearest")):
        AttentionConfig(score="neares")


@pytest.mark.parametrize(("register", "known"), [(register_score, "dot"), (register_alignment, "global")])
def test_a_name_that_is_taken_is_refused(register, known):
    with pytest.raises(ConfigError, match=f"there is a .* '{known}' already"):
        register(known, nearest)


def test_an_argument_that_nothing_provides_is_refused():
    with pytest.raises(ConfigError, match="takes 'log_scale', which nothing provides; name it in parameters"):
        register_score("nearest", nearest)


@pytest.mark.parametrize("table", [SCORES, ALIGNMENTS, CONTEXTS], ids=["scores", "alignments", "contexts"])
def test_the_catalog_names_the_arguments_of_its_functions(table):
    for row in table.values():
        arguments = inspect.signature(row.compute).parameters
        assert sorted(arguments) == sorted([*row.inputs, *row.parameters])
