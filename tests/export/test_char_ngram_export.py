"""A network beside a linear model over n-grams: unknown words count alike in torch and in the file."""

import itertools

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto
from support import shapes_unchecked

from attnclf.catalog import ARCHITECTURES
from attnclf.config import EmbeddingConfig, EncoderConfig, ModelConfig, NgramConfig
from attnclf.errors import ExportError
from attnclf.export.ngram_weights import replace_ngram_weights
from attnclf.export.onnx import export_onnx
from attnclf.export.parity import TOLERANCE, check_parity
from attnclf.model.mixture import Mixture
from attnclf.runtime.onnxruntime_backend import open_backend
from attnclf.text.char_ngrams import in_batch, ngram_slots
from attnclf.text.ragged import UNKNOWN_ID, Ragged
from attnclf.training import ngrams
from attnclf.training.examples import Examples

UNITS = ["[PAD]", "[UNK]", "walking", "talked", "parcels", "late", "好"]
STRANGE = ["walked", "talking", "parcel", "qqq", "坏"]
VOCABULARY, LABELS = len(UNITS), 3
BATCHES = [
    ([[7]], [1]),
    ([[2, 3, 4, 5, 6]], [5]),
    ([[2, 8, 9, 10, 7], [10, 3, 0, 0, 0], [1, 0, 0, 0, 0], [11, 6, 11, 0, 0]], [5, 2, 1, 3]),
    ([[7, 8, 9, 10, 11, 2, 3, 4, 5, 6, 1] * 9], [99]),
]


@pytest.fixture(scope="module", autouse=True)
def _shapes_unchecked():
    with shapes_unchecked():
        yield


def build(units=UNITS, strange=STRANGE, seed=0, features=60):
    """Return a network beside the linear model that a hundred random rows of the units teach."""
    torch.manual_seed(0)
    config = ModelConfig(embedding=EmbeddingConfig(dim=6), encoder=EncoderConfig(hidden=5))
    network = ARCHITECTURES["temporal"].build(config, len(units), LABELS, 512)
    with torch.no_grad():
        network.dense.weight.mul_(4)
    generator = np.random.default_rng(seed)
    rows = [generator.integers(1, len(units) + len(strange), generator.integers(1, 9)) for _ in range(100)]
    examples = Examples(
        tokens=Ragged.of(rows).packed(99),
        targets=generator.integers(0, LABELS, 100),
        weights=np.ones(100, dtype=np.float32),
        vocabulary=len(units),
        unknown=strange,
    )
    linear = next(
        ngrams.learn(examples, np.ones(LABELS, dtype=np.float32), units, NgramConfig(features=features), [10.0])
    )
    return Mixture(network, linear, torch.tensor([0.6, 1.7])).eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    network, path = build(), tmp_path_factory.mktemp("char_ngrams") / "model.onnx"
    export_onnx(network, path, multi_label=False)
    return network, path


@pytest.fixture(scope="module")
def session(exported):
    return open_backend(exported[1], device="cpu")


def inputs(ids, lengths):
    local, used = in_batch(np.array(ids, dtype=np.int64), VOCABULARY)
    return local, np.array(lengths, dtype=np.int64), ngram_slots([STRANGE[number] for number in used])


def from_torch(network, ids, lengths):
    with torch.no_grad():
        return network(*map(torch.from_numpy, inputs(ids, lengths)))


def from_file(session, ids, lengths):
    return session.run(*inputs(ids, lengths), named=["contributions", "evidence"])


def near(ours, theirs):
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("ids", "lengths"), BATCHES)
def test_unknown_words_count_alike_in_torch_and_in_the_file(exported, session, ids, lengths):
    ours, theirs = from_torch(exported[0], ids, lengths), from_file(session, ids, lengths)
    near(ours.logits, theirs.logits)
    near(torch.softmax(ours.logits, dim=1), theirs.probabilities)
    near(ours.weights, theirs.attention)
    near(ours.named["contributions"], theirs.named["contributions"])
    near(ours.named["evidence"], theirs.named["evidence"])


@pytest.mark.parametrize(("ids", "lengths"), BATCHES)
def test_what_the_units_contribute_and_the_network_says_sum_to_the_logits_of_the_file(exported, session, ids, lengths):
    network, result = exported[0], from_file(session, ids, lengths)
    known = torch.tensor(ids)
    known[known >= VOCABULARY] = UNKNOWN_ID
    with torch.no_grad():
        alone = network.network(known, torch.tensor(lengths)).logits
    a, b = network.weights
    contributions = result.named["contributions"]
    assert contributions.shape == (len(ids), len(ids[0]), LABELS)
    near((a * alone + b * network.linear.bias).numpy() + contributions.sum(axis=1), result.logits)
    for row, length in zip(contributions, lengths, strict=True):
        assert (row[length:] == 0).all()
    assert np.abs(contributions).max() > 1e-2


def test_contributions_that_are_large_may_differ_by_as_much_as_float32_rounds(tmp_path):
    network = build()
    network.weights[1] = 3e3  # as where thousands of labels have few rows each
    export_onnx(network, tmp_path / "model.onnx", multi_label=True)
    assert check_parity(network, tmp_path / "model.onnx", vocabulary=VOCABULARY, multi_label=True) < TOLERANCE


def test_an_unknown_word_is_told_from_another_by_its_ngrams_and_not_by_its_number(session):
    walked, talking, bad, unknown = (from_file(session, [[word]], [1]).logits for word in (7, 8, 11, 1))
    assert np.abs(walked - talking).max() > 1e-2
    near(bad, unknown)
    near(walked, from_file(session, [[7, 0], [8, 11]], [1, 2]).logits[:1])


def test_a_text_gets_the_same_answer_alone_in_a_batch_and_padded(session):
    rows = [[9, 3], [7, 8, 2, 10], [1], [11, 6, 4], [5, 5, 5, 9, 10]]
    width = max(map(len, rows)) + 4
    for batch in itertools.islice(itertools.permutations(rows), 0, None, 40):
        together = from_file(session, [row + [0] * (width - len(row)) for row in batch], [len(row) for row in batch])
        for place, row in enumerate(batch):
            alone = from_file(session, [row], [len(row)])
            near(together.logits[place], alone.logits[0])
            near(together.named["contributions"][place, : len(row)], alone.named["contributions"][0])


def test_the_graph_names_its_inputs_and_outputs_and_leaves_their_sizes_open(exported, session):
    graph = onnx.load(str(exported[1])).graph

    def shapes(values):
        return {
            value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in values
        }

    assert shapes(graph.input) == {"ids": ["batch", "time"], "lengths": ["batch"], "spellings": ["unknown", "grams"]}
    assert graph.input[2].type.tensor_type.elem_type == TensorProto.INT64
    assert shapes(graph.output)["contributions"] == ["batch", "time", LABELS]
    assert session.reads_ngrams
    shares = dict.fromkeys(("value_logits", "evidence", "contributions"), ("batch", "time", LABELS))
    assert session.axes == {"value_norms": ("batch", "time"), **shares}


# The gate


def gate(network, path):
    return check_parity(network, path, vocabulary=VOCABULARY, max_length=512, multi_label=False)


def refuses(network, path, name, change):
    """Tell whether the gate refuses the file once `change` has changed one of the network's tables in place."""
    values = network.get_buffer(name)
    kept = values.clone()
    change(values)
    assert not torch.equal(values, kept)
    try:
        with pytest.raises(ExportError, match="differs from the trained one"):
            gate(network, path)
    finally:
        values.copy_(kept)


def test_the_parity_gate_lets_a_true_copy_pass(exported):
    assert gate(*exported) < 1e-5


@pytest.mark.parametrize("table", ["words", "word_grams", "pairs", "grams"])
@pytest.mark.parametrize("column", [0, LABELS], ids=["weights", "lengths"])
def test_the_parity_gate_notices_a_table_that_differs(exported, table, column):
    def change(values):
        values[:, column] += 0.5 * (values[:, -1] > 0)

    refuses(*exported, f"linear.{table}", change)


@pytest.mark.parametrize("name", ["linear.bias", "weights"])
def test_the_parity_gate_notices_another_bias_and_other_weights_of_the_two(exported, name):
    def change(values):
        values[0] += 0.5

    refuses(*exported, name, change)


@pytest.mark.parametrize("table", ["pair_rows", "gram_rows"])
def test_the_parity_gate_notices_slots_that_lead_to_other_rows(exported, table):
    def change(values):
        values[values > 0] = values[values > 0].flip(0)

    refuses(*exported, f"linear.{table}", change)


def test_a_language_of_single_characters_has_no_ngrams_and_passes_the_gate(tmp_path):
    network, path = build(["[PAD]", "[UNK]", *"一二三四五"], list("六七八")), tmp_path / "model.onnx"
    assert len(network.linear.grams) == 1  # the empty one
    export_onnx(network, path, multi_label=False)
    assert gate(network, path) < 1e-5


def test_the_tables_of_another_linear_model_make_the_graph_that_an_export_of_it_would(tmp_path):
    first, second = build(), build(seed=1, features=40)
    assert first.linear.grams.shape != second.linear.grams.shape
    for name, network in (("changed", first), ("fresh", second)):
        export_onnx(network, tmp_path / f"{name}.onnx", multi_label=False)
    replace_ngram_weights(tmp_path / "changed.onnx", second)
    changed, fresh = (open_backend(tmp_path / f"{name}.onnx", device="cpu") for name in ("changed", "fresh"))
    for ids, lengths in BATCHES:
        rows, unknown = in_batch(np.array(ids), VOCABULARY)
        given = rows, np.array(lengths), ngram_slots([STRANGE[word] for word in unknown])
        ours, theirs = (session.run(*given, named=session.axes) for session in (changed, fresh))
        for one, other in zip([*ours[:3], *ours.named.values()], [*theirs[:3], *theirs.named.values()], strict=True):
            assert np.array_equal(one, other)
    assert check_parity(second, tmp_path / "changed.onnx", vocabulary=VOCABULARY, multi_label=False) < 1e-4
    with pytest.raises(ExportError):
        check_parity(first, tmp_path / "changed.onnx", vocabulary=VOCABULARY, multi_label=False)


def test_a_graph_without_the_tables_is_refused(tmp_path):
    mixture = build()
    export_onnx(mixture.network, tmp_path / "alone.onnx", multi_label=False)
    with pytest.raises(ExportError, match=r"has no network\.linear\.words"):
        replace_ngram_weights(tmp_path / "alone.onnx", mixture)
