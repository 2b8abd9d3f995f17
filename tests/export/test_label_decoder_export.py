"""A whole search inside one graph: the exported decoder emits what torch emits."""

import numpy as np
import pytest
import torch

from attnclf.catalog import ARCHITECTURES
from attnclf.config import AttentionConfig, DecoderConfig, EmbeddingConfig, EncoderConfig, ModelConfig
from attnclf.errors import ExportError
from attnclf.export.onnx import export_onnx
from attnclf.export.parity import check_parity, chose_otherwise
from attnclf.runtime.onnxruntime_backend import open_backend

VOCABULARY, LABELS = 30, 3


@pytest.fixture
def exported(exporting, tmp_path):
    config = ModelConfig(
        architecture="label-decoder",
        embedding=EmbeddingConfig(dim=6),
        encoder=EncoderConfig(hidden=4),
        attention=AttentionConfig(score="additive"),
        decoder=DecoderConfig(style="bahdanau", cell="gru", beam=3),
    )
    network = ARCHITECTURES["label-decoder"].build(config, VOCABULARY, LABELS, 130).eval()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.7)
    export_onnx(network, tmp_path / "model.onnx", multi_label=True)
    return network, tmp_path / "model.onnx"


def test_the_graph_emits_what_torch_emits_at_shapes_never_traced(exported):
    network, path = exported
    assert check_parity(network, path, vocabulary=VOCABULARY, multi_label=True) < 1e-5
    session = open_backend(path, device="cpu")
    emitted = set()
    for batch, time in [(1, 1), (1, 9), (3, 1), (4, 11), (2, 130), (40, 6)]:  # traced at (2, 7)
        ids = torch.randint(1, VOCABULARY, (batch, time), generator=torch.Generator().manual_seed(time))
        lengths = torch.arange(batch) % time + 1
        with torch.no_grad():
            output = network(ids, lengths)
        result = session.run(ids.numpy(), lengths.numpy(), named=session.axes)
        assert set(result.named) == {"sequence", "alignment"}
        assert result.named["sequence"].dtype == np.int64
        assert result.named["sequence"].tolist() == output.named["sequence"].tolist()
        assert result.named["alignment"] == pytest.approx(output.named["alignment"].numpy(), abs=1e-5)
        assert result.probabilities == pytest.approx(torch.sigmoid(output.logits).numpy(), abs=1e-5)
        emitted |= {tuple(row) for row in result.named["sequence"].tolist()}
    assert len(emitted) > 3, "all texts get the same labels: the test would see nothing"
    with torch.no_grad():
        network.decoder.dense.bias += torch.tensor([3.0, 0, 0, -3])
    with pytest.raises(ExportError, match=r"differs|makes other choices"):
        check_parity(network, path, vocabulary=VOCABULARY, multi_label=True)


def test_another_label_and_another_place_are_another_decision():
    sequences = np.array([[1, 0, -1], [2, -1, -1], [0, 1, 2]])
    others = np.array([[1, 0, -1], [1, -1, -1], [0, 1, -1]])
    assert chose_otherwise(sequences, others).tolist() == [False, True, True]
    rows = np.array([[[0.0, 1.0], [0.4, 0.6]], [[0.0, 1.0], [1.0, 0.0]]])
    assert chose_otherwise(rows, rows[:, ::-1]).tolist() == [False, True]
