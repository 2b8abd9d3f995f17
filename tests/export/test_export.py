"""The exported graph computes what the network computes, at any batch size and length."""

import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from support import shapes_unchecked
from torch import nn

from attnclf.catalog import ARCHITECTURES
from attnclf.config import AttentionConfig, EmbeddingConfig, EncoderConfig, ModelConfig
from attnclf.errors import ExportError
from attnclf.export.onnx import export_onnx
from attnclf.export.parity import check_parity
from attnclf.runtime.onnxruntime_backend import open_backend

VOCABULARY, LABELS, LONGEST = 30, 4, 130
SHAPES = [(1, 1), (1, 9), (3, 1), (3, 5), (4, 11), (2, 130), (40, 6)]  # traced at (2, 7)
# Every value of every choice, and every pair of cell, layers and directions.
NETWORKS = {
    "one lstm, two ways": ("lstm", 1, True, "temporal", "soft", False),
    "two lstm, one way": ("lstm", 2, False, "additive", "soft+max", True),
    "two lstm, two ways": ("lstm", 2, True, "additive", "soft", False),
    "one lstm, one way": ("lstm", 1, False, "temporal", "soft+max", False),
    "one gru, two ways": ("gru", 1, True, "additive", "soft+max", True),
    "two gru, one way": ("gru", 2, False, "temporal", "soft", False),
    "two gru, two ways": ("gru", 2, True, "temporal", "soft+max", True),
    "one gru, one way": ("gru", 1, False, "additive", "soft", True),
}


def build(cell, layers, bidirectional, score, context):
    """Return a network whose every parameter is sizeable, so that no path of it is silent."""
    config = ModelConfig(
        embedding=EmbeddingConfig(dim=6, token_dropout=0.1),
        encoder=EncoderConfig(cell=cell, hidden=5, layers=layers, bidirectional=bidirectional),
        attention=AttentionConfig(score=score, context=context),
    )
    network = ARCHITECTURES["temporal"].build(config, VOCABULARY, LABELS, LONGEST)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
        for embedding in network.modules():
            if isinstance(embedding, nn.Embedding):
                embedding.weight[0] = 0
    return network.eval()


@pytest.fixture(scope="module", autouse=True)
def _shapes_unchecked():
    with shapes_unchecked():
        yield


# Each value and each pair of values is among these; the other triples take as long again.
FIRST = ["one lstm, two ways", "two lstm, one way", "two gru, two ways", "one gru, one way"]


@pytest.fixture(
    scope="module",
    params=[name if name in FIRST else pytest.param(name, marks=pytest.mark.long) for name in NETWORKS],
)
def exported(request, tmp_path_factory):
    *choices, multi_label = NETWORKS[request.param]
    network = build(*choices)
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    export_onnx(network, path, multi_label=multi_label)
    return network, path, multi_label


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """Return one network and its file, for the tests that damage either."""
    network = build(*NETWORKS["two lstm, two ways"][:-1])
    path = tmp_path_factory.mktemp("one") / "model.onnx"
    export_onnx(network, path, multi_label=False)
    return network, path


def inputs(batch, time, seed=0):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, time + 1, (batch,), generator=generator)
    lengths[batch // 2] = time
    ids = torch.randint(1, VOCABULARY, (batch, time), generator=generator)
    return ids * (torch.arange(time) < lengths.unsqueeze(1)), lengths


def near(theirs, ours):
    torch.testing.assert_close(torch.as_tensor(theirs), torch.as_tensor(ours), atol=1e-5, rtol=0)


def test_the_exported_graph_agrees_with_torch_at_shapes_never_traced(exported):
    network, path, multi_label = exported
    session = open_backend(path, device="cpu")
    for batch, time in SHAPES:
        ids, lengths = inputs(batch, time)
        with torch.no_grad():
            logits, weights, _ = network(ids, lengths)
        result = session.run(ids.numpy(), lengths.numpy())
        near(result.logits, logits)
        near(result.probabilities, torch.sigmoid(logits) if multi_label else torch.softmax(logits, dim=1))
        near(result.attention, weights)


def test_a_text_gets_the_same_answer_from_the_file_alone_in_a_batch_and_padded(exported):
    _, path, _ = exported
    session = open_backend(path, device="cpu")
    ids, lengths = inputs(6, 10)
    together = session.run(ids.numpy(), lengths.numpy())
    longer = session.run(nn.functional.pad(ids, (0, 13)).numpy(), lengths.numpy())
    near(longer.logits, together.logits)
    near(longer.attention[:, :10], together.attention)
    assert (longer.attention[:, 10:] == 0).all()
    for row, length in enumerate(lengths.tolist()):
        alone = session.run(ids[row : row + 1, :length].numpy(), lengths[row : row + 1].numpy())
        near(alone.logits[0], together.logits[row])
        near(alone.attention[0], together.attention[row, :length])
        assert (together.attention[row, length:] == 0).all()


def test_the_probabilities_of_single_label_models_sum_to_one(exported):
    _, path, multi_label = exported
    result = open_backend(path, device="cpu").run(*(value.numpy() for value in inputs(5, 8)))
    sums = torch.as_tensor(result.probabilities.sum(axis=1))
    if multi_label:
        assert not torch.allclose(sums, torch.ones(5), atol=1e-2)
    else:
        near(sums, torch.ones(5))


def test_the_parity_gate_lets_a_true_copy_pass(exported):
    network, path, multi_label = exported
    assert check_parity(network, path, vocabulary=VOCABULARY, max_length=512, multi_label=multi_label) <= 1e-5


def test_export_leaves_the_network_as_it_was(one, tmp_path):
    network, _ = one
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    export_onnx(network, tmp_path / "again.onnx", multi_label=False)
    assert network.training
    network.eval()
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def shape(value):
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]


def test_the_graph_names_its_inputs_and_outputs_and_leaves_batch_and_time_open(one):
    graph = onnx.load(str(one[1])).graph
    assert {value.name: shape(value) for value in graph.input} == {"ids": ["batch", "time"], "lengths": ["batch"]}
    assert [value.type.tensor_type.elem_type for value in graph.input] == [TensorProto.INT64, TensorProto.INT32]
    assert {value.name: shape(value) for value in graph.output} == {
        "logits": ["batch", LABELS],
        "probabilities": ["batch", LABELS],
        "attention": ["batch", "time"],
        "value_norms": ["batch", "time"],
        "value_logits": ["batch", "time", LABELS],
        "evidence": ["batch", "time", LABELS],
    }


def test_the_graph_is_valid_standard_onnx_in_one_file(one):
    path = one[1]
    model = onnx.load(str(path))
    onnx.checker.check_model(model, full_check=True)
    assert [entry.name for entry in path.parent.iterdir()] == ["model.onnx"]
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
    assert [node.op_type for node in model.graph.node].count("LSTM") == 2


@pytest.mark.parametrize(
    "name",
    [
        "embedding.weight",
        "encoder.layers.0.ahead.weight_ih_l0",
        "encoder.layers.0.back.weight_hh_l0",
        "encoder.layers.1.ahead.bias_hh_l0",
        "pooling.query",
        "pooling.score.w_key",
        "dense.bias",
    ],
)
def test_one_different_weight_in_the_network_fails_the_gate(one, name):
    network, path = one
    weight = dict(network.named_parameters())[name].data
    place = tuple(size - 1 for size in weight.shape)
    kept = weight[place].clone()
    weight[place] += 1.0
    try:
        with pytest.raises(ExportError, match="differs from the trained one by"):
            check_parity(network, path, vocabulary=VOCABULARY, max_length=512, multi_label=False)
    finally:
        weight[place] = kept


@pytest.mark.parametrize("value", [0.5, float("nan")])
def test_one_different_weight_in_the_file_fails_the_gate(one, tmp_path, value):
    network, path = one
    model = onnx.load(str(path))
    bias = next(tensor for tensor in model.graph.initializer if tensor.name.endswith("dense.bias"))
    numbers = numpy_helper.to_array(bias).copy()
    numbers[1] += value
    bias.CopyFrom(numpy_helper.from_array(numbers, bias.name))
    damaged = tmp_path / "damaged.onnx"
    onnx.save(model, str(damaged))
    with pytest.raises(ExportError):
        check_parity(network, damaged, vocabulary=VOCABULARY, max_length=512, multi_label=False)


def test_a_network_that_diverged_fails_the_gate(tmp_path):
    network = build(*NETWORKS["one lstm, two ways"][:-1])
    with torch.no_grad():
        network.dense.bias[0] = float("nan")
    export_onnx(network, tmp_path / "model.onnx", multi_label=False)
    with pytest.raises(ExportError):
        check_parity(network, tmp_path / "model.onnx", vocabulary=VOCABULARY, max_length=512, multi_label=False)


def test_the_wrong_kind_of_task_fails_the_gate(one):
    network, path = one
    with pytest.raises(ExportError):
        check_parity(network, path, vocabulary=VOCABULARY, max_length=512, multi_label=True)
