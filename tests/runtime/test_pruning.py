"""What is opened of a graph is what leads to the outputs that were asked for, as the package of ONNX itself sees it."""

import itertools

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx.utils import Extractor
from support import shapes_unchecked

from attnclf.catalog import ARCHITECTURES
from attnclf.config import Config
from attnclf.config.presets import settings
from attnclf.export.onnx import export_onnx
from attnclf.runtime.onnxruntime_backend import ALWAYS, open_backend
from attnclf.runtime.pruning import _number, _read_number, axes, pruned

KINDS = {
    "temporal": {},
    "self-attention": {"architecture": "self-attention"},
    "label-decoder": {"architecture": "label-decoder", "decoder": {"beam": 2}},
    "feature-gate": {"architecture": "feature-gate"},
}


@pytest.fixture(scope="module", params=list(KINDS))
def path(request, tmp_path_factory):
    return exported(request.param, tmp_path_factory.mktemp(request.param) / "model.onnx")


def exported(kind, place):
    """Write a small network that has learned nothing."""
    config = Config.from_dict(settings("plain", {"model": KINDS[kind]}))
    network = ARCHITECTURES[config.model.architecture].build(config.model, 50, 3, 20)
    with shapes_unchecked():
        export_onnx(network, place, multi_label=False)
    return place


def test_the_axes_of_outputs_are_those_that_the_runtime_reads(path):
    theirs = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).get_outputs()
    assert axes(path.read_bytes()) == {output.name: tuple(output.shape) for output in theirs}


def test_with_all_outputs_a_model_stays_as_it_is(path):
    model = path.read_bytes()
    assert pruned(model, list(axes(model))) == model


def test_the_nodes_that_stay_are_those_that_lead_to_what_is_asked_for(path):
    model = path.read_bytes()
    further = [name for name in axes(model) if name not in ALWAYS]
    whole = onnx.load(path)
    for count in range(len(further) + 1):
        for names in itertools.combinations(further, count):
            outputs = [*ALWAYS, *names]
            kept = onnx.load_from_string(pruned(model, outputs))
            onnx.checker.check_model(kept)
            assert {output.name for output in kept.graph.output} >= {*outputs}
            expected = Extractor(whole).extract_model([given.name for given in whole.graph.input], outputs)
            assert [node.name for node in kept.graph.node] == [node.name for node in expected.graph.node]


def test_prediction_leaves_out_what_only_explanations_ask_for(tmp_path):
    model = exported("temporal", tmp_path / "model.onnx").read_bytes()
    whole, kept = (
        [node.op_type for node in onnx.load_from_string(some).graph.node] for some in (model, pruned(model, ALWAYS))
    )
    assert "ReduceL2" in whole  # of value_norms
    assert "ReduceL2" not in kept
    assert kept.count("MatMul") < whole.count("MatMul")  # of value_logits


def test_what_a_branch_reads_from_around_it_stays():
    def value(name, kind=onnx.TensorProto.FLOAT):
        return onnx.helper.make_tensor_value_info(name, kind, [])

    def branch(name, operation):
        return onnx.helper.make_graph(
            [onnx.helper.make_node(operation, ["around"], [name])], name, [], [value(name)]
        )  # fmt: skip

    nodes = [
        onnx.helper.make_node("Exp", ["x"], ["around"]),
        onnx.helper.make_node("Sin", ["x"], ["idle"]),
        onnx.helper.make_node(
            "If", ["yes"], ["y"], then_branch=branch("then", "Abs"), else_branch=branch("else", "Neg")
        ),
    ]
    given = [value("x"), value("yes", onnx.TensorProto.BOOL)]
    graph = onnx.helper.make_graph(nodes, "branches", given, [value("y"), value("idle")])
    model = onnx.helper.make_model(graph).SerializeToString()
    kept = onnx.load_from_string(pruned(model, ["y"]))
    assert [node.op_type for node in kept.graph.node] == ["Exp", "If"]
    onnx.checker.check_model(kept)


def test_what_is_asked_for_beside_changes_no_answer(path):
    session = open_backend(path, device="cpu")
    ids = np.array([[3, 4, 5, 6], [7, 8, 0, 0]], dtype=np.int64)
    alone = session.run(ids, np.array([4, 2]))
    beside = session.run(ids, np.array([4, 2]), named=list(session.axes))
    assert set(beside.named) == set(session.axes)
    for mine, theirs in zip(alone[:3], beside[:3], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-7)
    whole = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given_ids = {whole.get_inputs()[0].name: ids, "lengths": np.array([4, 2], dtype=np.int32)}
    for name, theirs in zip(session.axes, whole.run(list(session.axes), given_ids), strict=True):
        np.testing.assert_allclose(beside.named[name], theirs, rtol=1e-5, atol=1e-6)


def test_a_session_is_opened_once_for_what_it_computes(path):
    session = open_backend(path, device="cpu")
    names = list(session.axes)
    alone, whole = session.computing(), session.computing(*names)
    assert session.computing(*reversed(names)) is whole
    assert session.computing() is alone
    assert all(session.computing(name) in (alone, whole) for name in names)


def test_what_costs_nothing_is_computed_beside(tmp_path):
    session = open_backend(exported("label-decoder", tmp_path / "model.onnx"), device="cpu")
    assert {"sequence", "alignment"} <= {*session.axes}
    assert session.computing("sequence", "alignment") is session.computing()


@given(st.integers(0, 2**63 - 1))
def test_numbers_are_read_as_they_are_written(value):
    written = _number(value)
    assert _read_number(memoryview(written + b"\xff"), 0) == (value, len(written))
