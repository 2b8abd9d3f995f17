"""What a model folder tells of the machine it was made on: nothing; and other tools accept every graph in it."""

import re
import socket
import sys
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from support import shapes_unchecked

import attnclf
from attnclf.config import Config, merged
from attnclf.data.training_set import Sources
from attnclf.export import graphs
from attnclf.export.precision import add_precision, copy_out
from attnclf.export.triton import write_model
from attnclf.runtime.classifier import Classifier
from attnclf.training.pipeline import train

# A path, or what exporters note of one.
ANY_PATH = re.compile(rb"(?<![\w.:/<-])/(?:home|root|tmp|usr|opt|var|Users|private)/[\w.]|site-packages|\.py\b|File \"")


def trained(out, data, small, more=None, **others):
    config = Config.from_dict(merged(small, {"training": {"epochs": 1}, **(more or {})}))
    with shapes_unchecked():
        train(str(data), out, config=config, device="cpu", baseline=False, say=lambda line: None, **others)
    return out


def widened(folder):
    """Make of a model all that can be made of it: every precision, copies, a folder for Triton; return all files."""
    for precision in ("fp16", "int8"):
        add_precision(folder, precision)
        copy_out(folder, precision, folder.parent / f"{precision}.onnx")
        write_model(folder, folder.parent / f"triton-{precision}", precision=precision)
    copy_out(folder, "fp32", folder.parent / "fp32.onnx")
    write_model(folder, folder.parent / "triton")
    return [path for path in folder.parent.rglob("*") if path.is_file()]


@pytest.fixture(scope="module", params=["validation rows set aside", "validation rows given"])
def files(request, small, examples, tmp_path_factory, one_thread):
    place, data = tmp_path_factory.mktemp("bundle"), examples / "tickets" / "tickets.csv"
    given = {} if request.param.endswith("aside") else {"sources": Sources(valid=str(data))}
    return widened(trained(place / "model", data, small, **given))


def test_no_file_of_a_model_tells_of_the_machine(files):
    hints = [str(Path.home()), str(Path.cwd()), sys.prefix, socket.gethostname()]
    hints += [str(Path(attnclf.__file__).parent), str(files[0].parents[1])]
    for path in files:
        written = path.read_bytes()
        assert not ANY_PATH.search(written), path.name
        for hint in hints:
            assert len(hint) < 3 or hint.encode() not in written, (path.name, hint)


def test_every_graph_passes_the_full_check_and_strict_shape_inference(files):
    networks = [path for path in files if path.suffix == ".onnx"]
    assert len(networks) == 9
    for path in networks:
        onnx.checker.check_model(path, full_check=True)
        onnx.shape_inference.infer_shapes(onnx.load(path), check_type=True, strict_mode=True, data_prop=True)


def test_tools_of_others_take_the_graph(files, tmp_path):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    path = next(path for path in files if path.name == "model.onnx" and path.parent.name == "model")
    onnx.utils.extract_model(path, tmp_path / "part.onnx", ["ids", "lengths", "spellings"], ["probabilities"])
    assert [output.name for output in onnx.load(tmp_path / "part.onnx").graph.output] == ["probabilities"]
    quantize_dynamic(path, tmp_path / "int8.onnx", weight_type=QuantType.QUInt8)
    assert any(node.op_type == "DynamicQuantizeLSTM" for node in onnx.load(tmp_path / "int8.onnx").graph.node)


NAMES = "Anna Boris Chloe Dmitri Elena Farid Grace Hiro Ines Jonas Katya Liam Mei Nora Omar Pia Quinn Rosa Sven Tara"


@pytest.mark.parametrize(
    "texts",
    [NAMES.split(), [f"{chr(65 + n)}{n * 37 % 1000:03d}" for n in range(20)], [chr(0x1F300 + n) for n in range(20)]],
    ids=["names", "codes", "emoji"],
)
def test_texts_of_one_word_none_of_which_recurs_make_a_model(small, tmp_path, one_thread, texts):
    data = tmp_path / "rows.csv"
    data.write_text("text,label\n" + "".join(f"{text},{'ab'[n % 2]}\n" for n, text in enumerate(texts)))
    model = trained(tmp_path / "model", data, small)
    assert {prediction.label for prediction in Classifier.load(model).predict(texts)} <= {"a", "b"}
    # Tables without a word, pair or n-gram stay apart.
    tables = {table.name for table in onnx.load(model / "model.onnx").graph.initializer}
    assert {f"network.linear.{name}" for name in ("words", "pairs", "grams", "word_grams", "bias")} <= tables


def test_notes_and_shapes_are_stripped_from_graphs_inside_graphs_too(tmp_path):
    def noted(part):
        part.doc_string = "File somewhere.py"
        part.metadata_props.add(key="source", value="File somewhere.py")
        return part

    def number(name):
        return noted(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]))

    branch = noted(helper.make_graph([noted(helper.make_node("Neg", ["x"], ["z"]))], "branch", [], [number("z")]))
    branch.value_info.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [7]))
    choice = noted(helper.make_node("If", ["which"], ["y"], then_branch=branch, else_branch=branch))
    choice.attribute[0].doc_string = "File somewhere.py"
    given = [noted(helper.make_tensor_value_info("which", TensorProto.BOOL, [])), number("x")]
    graph = noted(helper.make_graph([choice], "graph", given, [number("y")]))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    graphs.write(noted(model), tmp_path / "model.onnx")
    assert b"somewhere" not in (tmp_path / "model.onnx").read_bytes()
    onnx.checker.check_model(tmp_path / "model.onnx", full_check=True)
