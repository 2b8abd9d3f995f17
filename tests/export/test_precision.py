"""A network in fp16 or int8: made from the model, compared with it, listed in its folder or not there at all."""

import json
import shutil

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from support import shapes_unchecked

from attnclf import bundle as bundles
from attnclf.bundle import open_bundle
from attnclf.catalog import ARCHITECTURES
from attnclf.config import EmbeddingConfig, EncoderConfig, ModelConfig
from attnclf.data import corpus
from attnclf.errors import BundleError, DeviceError, ExportError
from attnclf.export import precision as precisions
from attnclf.export.half import halve
from attnclf.export.onnx import export_onnx
from attnclf.export.precision import Comparison, add_precision, copy_out, refuse_loss
from attnclf.export.quantize import quantize
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.onnxruntime_backend import open_backend


@pytest.fixture
def folder(model, tmp_path):
    return shutil.copytree(model, tmp_path / "model")


@pytest.fixture
def rows(examples):
    return corpus.read(str(examples / "tickets" / "tickets.csv"))


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("kind", "most"), [("fp16", 0.001), ("int8", 0.05)])
def test_the_network_says_what_the_original_says(folder, rows, tickets, kind, most):
    comparison = add_precision(folder, kind, rows)
    original, quantized = (Classifier.load(folder, device="cpu", precision=one) for one in ("fp32", kind))
    before, after = original.predict_proba(tickets), quantized.predict_proba(tickets)
    assert 0 < np.abs(before - after).max() == pytest.approx(comparison.difference, abs=1e-3 * most)
    assert comparison.difference < most
    assert (before.argmax(1) != after.argmax(1)).mean() == comparison.changed < 0.02
    assert comparison.original - comparison.score <= precisions.MAX_LOSS
    assert quantized.predict(tickets[:1])[0].attention.sum() == pytest.approx(1, abs=1e-5)


def test_layers_and_embeddings_become_bytes_and_the_tables_of_the_n_grams_do_not(folder):

    add_precision(folder, "int8")
    graph = onnx.load(folder / "model.int8.onnx").graph
    types = {tensor.name: onnx.TensorProto.DataType.Name(tensor.data_type) for tensor in graph.initializer}
    assert "DynamicQuantizeLSTM" in {node.op_type for node in graph.node}
    columns = {tensor.name for tensor in graph.initializer if list(tensor.dims[1:]) == [1]}  # the score's weights
    assert any(node.op_type == "MatMul" and types[node.input[1]] == "FLOAT" for node in graph.node
               if columns.intersection(node.input))  # fmt: skip
    assert any("embedding.weight" in name and kind == "UINT8" for name, kind in types.items())
    tables = {name: kind for name, kind in types.items() if ".linear." in name and name.split(".")[-1] != "bias"}
    assert set(tables.values()) == {"FLOAT", "INT32"}
    assert {"words", "word_grams", "pairs", "grams"} <= {name.split(".")[-1] for name in tables}


@pytest.mark.parametrize("kind", ["fp16", "int8"])
def test_the_folder_lists_the_new_file_and_keeps_all_others(folder, kind):
    before = contents(folder)
    comparison = add_precision(folder, kind)
    after = contents(folder)
    assert {path.name for path in after.keys() - before.keys()} == {f"model.{kind}.onnx"}
    assert {path.name for path, data in before.items() if after[path] != data} == {"attnclf.json"}
    opened = open_bundle(folder)
    opened.verify()
    assert opened.precisions == ("fp32", kind)
    assert opened.manifest[kind]["changed"] == comparison.changed
    assert comparison.score is None


def test_made_again_it_replaces_the_earlier_one(folder, rows):
    add_precision(folder, "int8")
    first = (folder / "model.int8.onnx").read_bytes()
    add_precision(folder, "int8", rows)
    open_bundle(folder).verify()
    assert (folder / "model.int8.onnx").read_bytes() == first


@pytest.mark.parametrize("labelled", [True, False], ids=["labelled", "unlabelled"])
@pytest.mark.parametrize("kind", ["fp16", "int8"])
def test_a_network_that_loses_too_much_is_refused_and_nothing_is_written(folder, rows, monkeypatch, kind, labelled):
    monkeypatch.setattr(precisions, "MAX_LOSS", -1)
    monkeypatch.setattr(precisions, "MAX_CHANGED", -1)
    before = contents(folder)
    with pytest.raises(ExportError, match=f"in {kind} this model .* nothing was written"):
        add_precision(folder, kind, rows if labelled else None)
    assert contents(folder) == before


def compared(changed=0.0, score=None, original=None):
    return Comparison(
        texts=1000, difference=0.0, changed=changed, score=score, original=original, bytes=1, original_bytes=2
    )


def test_the_bounds_are_three_tenths_of_a_point_and_one_label_in_a_hundred():
    refuse_loss(compared(changed=0.01), "int8")
    refuse_loss(compared(changed=0.5, score=0.897, original=0.9), "int8")
    refuse_loss(compared(changed=0.5, score=0.95, original=0.9), "int8")
    with pytest.raises(ExportError, match=r"1\.1% of 1,000 made texts"):
        refuse_loss(compared(changed=0.011), "int8")
    with pytest.raises(ExportError, match=r"loses 0\.4 points \(90\.0 to 89\.6\)"):
        refuse_loss(compared(score=0.896, original=0.9), "int8")


@pytest.mark.parametrize("writes", [0, 1], ids=["before", "between"])
def test_a_crash_while_the_file_is_added_leaves_a_model_that_runs(folder, monkeypatch, writes):
    add_precision(folder, "int8")
    write, done = bundles._write, []

    def crashing(*arguments):
        if len(done) == writes:
            raise KeyboardInterrupt
        done.append(write(*arguments))

    monkeypatch.setattr(bundles, "_write", crashing)
    with pytest.raises(KeyboardInterrupt):
        add_precision(folder, "int8")
    opened = open_bundle(folder)
    opened.verify()
    assert ("int8" in opened.precisions) == (writes == 0)


def test_a_model_of_several_labels_is_quantized_too(multi_model, examples, tmp_path):
    folder = shutil.copytree(multi_model, tmp_path / "model")
    comparison = add_precision(folder, "int8", corpus.read(str(examples / "intents-ru" / "multi.jsonl")))
    assert comparison.changed < 0.05
    assert json.loads((folder / "attnclf.json").read_text(encoding="utf-8"))["int8"]["texts"] == comparison.texts


def test_a_damaged_original_is_refused_before_anything_is_made(folder):
    (folder / "model.onnx").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"model\.onnx was changed"):
        add_precision(folder, "int8")
    with pytest.raises(BundleError, match=r"model\.onnx was changed"):
        copy_out(folder, "fp32", folder / "out.onnx")


def test_a_folder_where_nothing_may_be_written_is_one_line(folder, monkeypatch):
    import tempfile

    def full(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(BundleError, match="Read-only file system"):
        add_precision(folder, "int8")


def test_int8_on_a_gpu_is_refused(folder):
    add_precision(folder, "int8")
    with pytest.raises(DeviceError, match="int8 runs on the CPU only"):
        Classifier.load(folder, device="cuda", precision="int8")
    assert Classifier.load(folder, device="auto", precision="int8").backend.device == "cpu"


def test_a_model_whose_numbers_are_out_of_the_range_of_half_is_refused(folder, monkeypatch):
    def overflowing(path, out):
        network = onnx.load(path)
        for table in network.graph.initializer:
            if table.name.endswith("dense.weight"):
                table.CopyFrom(numpy_helper.from_array(1e6 * numpy_helper.to_array(table), table.name))
        onnx.save(network, out.with_suffix(".large"))
        halve(out.with_suffix(".large"), out)

    monkeypatch.setitem(precisions.MAKERS, "fp16", overflowing)
    before = contents(folder)
    with pytest.raises(ExportError, match="some numbers of this model are out of range in fp16"):
        add_precision(folder, "fp16")
    assert contents(folder) == before


def test_fp16_runs_on_the_cpu_too(folder):
    add_precision(folder, "fp16")
    assert Classifier.load(folder, device="cpu", precision="fp16").backend.device == "cpu"


@pytest.mark.parametrize("make", [halve, quantize])
def test_a_weight_that_two_outputs_read_serves_both(tmp_path, make):
    """With many labels the output layer is wide enough to become bytes; the evidence of each unit reads it too."""
    torch.manual_seed(0)
    config = ModelConfig(embedding=EmbeddingConfig(dim=8), encoder=EncoderConfig(hidden=64))
    network = ARCHITECTURES["temporal"].build(config, 30, 77, 64).eval()
    with torch.no_grad():
        network.dense.weight.mul_(8)
    with shapes_unchecked():
        export_onnx(network, tmp_path / "fp32.onnx", multi_label=False)
    make(tmp_path / "fp32.onnx", tmp_path / "made.onnx")
    ids, lengths = np.arange(1, 13).reshape(2, 6), np.array([6, 4])
    before, after = (
        open_backend(tmp_path / name, device="cpu").run(ids, lengths, named=["evidence"])
        for name in ("fp32.onnx", "made.onnx")
    )
    np.testing.assert_allclose(after.logits, before.logits, atol=0.02)
    np.testing.assert_allclose(after.named["evidence"], before.named["evidence"], atol=0.02)
    assert np.abs(before.named["evidence"]).max() > 0.05
