"""A network whose words share n-grams: unknown words get the same answer from torch and from the file."""

import jaxtyping
import numpy as np
import pytest
import torch

from attnclf.config import EmbeddingConfig, EncoderConfig, ModelConfig
from attnclf.errors import ExportError
from attnclf.export.onnx import export_onnx
from attnclf.export.parity import check_parity
from attnclf.model.architectures import ARCHITECTURES
from attnclf.runtime.session import open_session
from attnclf.text.spelling import frequent_grams, in_batch, spellings

KNOWN = ["walking", "talked", "parcels", "late", "好"]
STRANGE = ["walked", "talking", "parcel", "qqq"]
VOCABULARY = 2 + len(KNOWN)


def build():
    torch.manual_seed(0)
    rows = frequent_grams([*KNOWN, *STRANGE], 40)
    config = ModelConfig(
        embedding=EmbeddingConfig(dim=6, grams=int(rows.max()), pairs=20), encoder=EncoderConfig(hidden=5)
    )
    network = ARCHITECTURES["temporal"].build(config, VOCABULARY, 3, 130).eval()
    network.embedding.read_grams(rows, spellings(["", "", *KNOWN]))
    with torch.no_grad():
        network.embedding.grams.weight[1:].normal_()
        network.dense.weight.mul_(4)
    return network


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("spelled") / "model.onnx"
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        network = build()
        export_onnx(network, path, multi_label=False)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
    return network, path


def answers(network, session, ids, lengths):
    local, spelled = in_batch(np.array(ids, dtype=np.int64), VOCABULARY, STRANGE)
    lengths = np.array(lengths, dtype=np.int64)
    with torch.no_grad():
        output = network(*(torch.from_numpy(array) for array in (local, lengths, spelled)))
    return output.logits.numpy(), session.run(local, lengths, spelled).logits


@pytest.mark.parametrize(
    ("ids", "lengths"),
    [
        ([[7]], [1]),
        ([[2, 3, 4, 5, 6]], [5]),
        ([[2, 8, 9, 10, 7], [10, 3, 0, 0, 0], [1, 0, 0, 0, 0]], [5, 2, 1]),
    ],
)
def test_unknown_words_count_alike_in_torch_and_in_the_file(exported, ids, lengths):
    network, path = exported
    torch_logits, file_logits = answers(network, open_session(path, device="cpu"), ids, lengths)
    assert np.abs(torch_logits - file_logits).max() < 1e-5


def test_an_unknown_word_is_told_from_another_by_its_ngrams(exported):
    network, path = exported
    session = open_session(path, device="cpu")
    walked, talking = (answers(network, session, [[word]], [1])[1] for word in (7, 8))
    assert np.abs(walked - talking).max() > 1e-2


def test_a_text_with_unknown_words_gets_the_same_answer_alone_and_in_a_batch(exported):
    network, path = exported
    session = open_session(path, device="cpu")
    alone = answers(network, session, [[9, 3]], [2])
    beside = answers(network, session, [[7, 8, 2, 10], [9, 3, 0, 0]], [4, 2])
    for one, two in zip(alone, beside, strict=True):
        assert np.abs(one[0] - two[1]).max() < 1e-5


def test_the_parity_gate_notices_when_unknown_words_are_spelled_differently(exported):
    network, path = exported
    assert check_parity(network, path, vocabulary=VOCABULARY, max_length=512, multi_label=False) < 1e-5
    with torch.no_grad():
        network.embedding.grams.weight[1:] += 0.5
        # Known words are read through known_grams: put their rows back, so that only unknown ones differ.
        network.embedding.tokens.weight -= 0.5 * (network.embedding.known_grams > 0).any(dim=1, keepdim=True)
    try:
        with pytest.raises(ExportError, match="differs from the trained one"):
            check_parity(network, path, vocabulary=VOCABULARY, max_length=512, multi_label=False)
    finally:
        with torch.no_grad():
            network.embedding.tokens.weight += 0.5 * (network.embedding.known_grams > 0).any(dim=1, keepdim=True)
            network.embedding.grams.weight[1:] -= 0.5
