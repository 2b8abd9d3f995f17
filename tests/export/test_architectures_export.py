"""Every architecture beside the main one: exported, compared at shapes never traced, and run with its named outputs."""

import numpy as np
import onnx
import pytest
import torch
from support import shapes_unchecked
from torch import nn

from attnclf.catalog import ARCHITECTURES
from attnclf.config import Config, presets
from attnclf.errors import ExportError
from attnclf.export.onnx import export_onnx
from attnclf.export.parity import check_parity
from attnclf.runtime.onnxruntime_backend import open_backend

VOCABULARY, LABELS, LONGEST = 30, 4, 50
SHAPES = [(1, 1), (1, 9), (3, 1), (3, 5), (4, 11), (2, 50), (40, 6)]  # traced at (2, 7)
# The architecture, changes to its settings, numbers of layers and heads, and whether it knows LONGEST positions only.
NETWORKS = {
    "self-attention": ("self-attention", {}, (2, 4), True),
    "learned positions, another score": (
        "self-attention",
        {"attention": {"score": "feed_forward", "context": "soft+max"}, "transformer": {"positions": "learned"}},
        (2, 4),
        True,
    ),
    "recurrent-self-attention": ("recurrent-self-attention", {}, (1, 4), False),
    "two layers over a gru": (
        "recurrent-self-attention",
        {"encoder": {"cell": "gru", "bidirectional": False}, "transformer": {"layers": 2, "heads": 2}},
        (2, 2),
        False,
    ),
    "feed-forward": ("feed-forward", {}, None, True),
}


def marked(names):
    """Return names as parameters, those of settings within an architecture as long tests."""
    return [pytest.param(name, marks=[] if name in ARCHITECTURES else [pytest.mark.long]) for name in names]


@pytest.fixture(scope="module", params=marked(NETWORKS))
def exported(request, tmp_path_factory):
    architecture, changes, *facts = NETWORKS[request.param]
    layers = {"model": {"architecture": architecture, "embedding": {"dim": 8}}}
    chosen = Config.from_dict(presets.settings("plain", layers, {"model": changes})).model
    network = ARCHITECTURES[architecture].build(chosen, VOCABULARY, LABELS, LONGEST)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
        network.embedding.weight[0] = 0
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    with shapes_unchecked():
        export_onnx(network.eval(), path, multi_label=False)
    return network, path, *facts


def inputs(batch, time, seed=0):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, time + 1, (batch,), generator=generator)
    lengths[batch // 2] = time
    ids = torch.randint(1, VOCABULARY, (batch, time), generator=generator)
    return ids * (torch.arange(time) < lengths.unsqueeze(1)), lengths


def near(theirs, ours):
    torch.testing.assert_close(torch.as_tensor(theirs), torch.as_tensor(ours), atol=1e-5, rtol=0)


def test_the_exported_graph_agrees_with_torch_at_shapes_never_traced(exported):
    network, path, *_ = exported
    session = open_backend(path, device="cpu")
    for batch, time in SHAPES:
        ids, lengths = inputs(batch, time)
        with torch.no_grad():
            output = network(ids, lengths)
        result = session.run(ids.numpy(), lengths.numpy(), named=session.axes)
        near(result.logits, output.logits)
        near(result.attention, output.weights)
        assert set(result.named) == set(output.named)
        for name, values in output.named.items():
            near(result.named[name], values)


def test_a_text_gets_the_same_answer_from_the_file_alone_in_a_batch_and_padded(exported):
    session = open_backend(exported[1], device="cpu")
    ids, lengths = inputs(6, 10)
    together = session.run(ids.numpy(), lengths.numpy())
    longer = session.run(nn.functional.pad(ids, (0, 13)).numpy(), lengths.numpy())
    near(longer.logits, together.logits)
    near(longer.attention[:, :10], together.attention)
    for row, length in enumerate(lengths.tolist()):
        alone = session.run(ids[row : row + 1, :length].numpy(), lengths[row : row + 1].numpy())
        near(alone.logits[0], together.logits[row])
        near(alone.attention[0], together.attention[row, :length])


def test_the_axes_of_named_outputs_are_named_and_nothing_is_computed_unasked(exported):
    _, path, sizes, _ = exported
    session = open_backend(path, device="cpu")
    seen = {"self_attention": ("batch", *sizes, "time", "time")} if sizes else {}
    shares = dict.fromkeys(("value_logits", "evidence"), ("batch", "time", LABELS))
    assert session.axes == {**seen, "value_norms": ("batch", "time"), **shares}
    assert session.run(*(value.numpy() for value in inputs(2, 5))).named == {}


def test_a_text_beyond_the_positions_is_an_error_of_the_file_and_never_misread(exported):
    _, path, _, bound = exported
    session, longer = open_backend(path, device="cpu"), [value.numpy() for value in inputs(1, LONGEST + 1)]
    if bound:
        with pytest.raises(Exception, match=f"invalid index found, index = {LONGEST}"):
            session.run(*longer)
    else:
        assert np.isfinite(session.run(*longer).logits).all()


def test_the_gate_lets_a_true_copy_pass_and_notices_one_different_weight(exported):
    network, path, *_ = exported
    assert check_parity(network, path, vocabulary=VOCABULARY, max_length=LONGEST, multi_label=False) <= 1e-5
    weight = max(network.encoder.parameters(), key=lambda parameter: parameter.ndim)
    kept = weight.detach().clone()
    try:
        with torch.no_grad():
            weight[..., -1] += 1.0
        with pytest.raises(ExportError, match="differs from the trained one"):
            check_parity(network, path, vocabulary=VOCABULARY, max_length=LONGEST, multi_label=False)
    finally:
        with torch.no_grad():
            weight.copy_(kept)


@pytest.mark.parametrize(
    "exported", marked(name for name, (_, _, sizes, _) in NETWORKS.items() if sizes), indirect=True
)
def test_the_gate_compares_the_named_outputs(exported, tmp_path):
    network, path, *_ = exported
    model = onnx.load(str(path))
    for node in model.graph.node:  # what is named is doubled on its way out, and nothing else changes
        for place, name in enumerate(node.output):
            if name == "self_attention":
                node.output[place] = "single"
    model.graph.node.append(onnx.helper.make_node("Add", ["single", "single"], ["self_attention"]))
    onnx.save(model, str(tmp_path / "damaged.onnx"))
    with pytest.raises(ExportError, match="differs from the trained one"):
        check_parity(network, tmp_path / "damaged.onnx", vocabulary=VOCABULARY, max_length=LONGEST, multi_label=False)
