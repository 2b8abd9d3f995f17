"""A model repository for Triton: valid by Triton's own schema, true to the ONNX session, and right in any batch."""

import shutil
import warnings

import numpy as np
import onnxruntime
import pytest

from attnclf.errors import AttnclfError
from attnclf.export.triton import inputs, write_model
from attnclf.text.numbers import NumberReader

TYPES = {"tensor(int64)": "TYPE_INT64", "tensor(int32)": "TYPE_INT32", "tensor(float)": "TYPE_FP32"}


def parsed(folder):
    """What Triton reads: every field must be in its schema, or this raises."""
    from google.protobuf import text_format

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the client about the age of what protoc has generated
        from tritonclient.grpc import model_config_pb2
    return text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


@pytest.fixture(scope="module")
def repository(model, multi_model, tmp_path_factory):
    place = tmp_path_factory.mktemp("repository")
    write_model(model, place / "tickets", instances=2, batch_size=32, device="cpu")
    write_model(multi_model, place / "multi", device="cuda")
    return place


@pytest.mark.parametrize("name", ["tickets", "multi"])
def test_the_configuration_is_valid_and_says_what_the_session_says(repository, name):
    config = parsed(repository / name)
    session = onnxruntime.InferenceSession(repository / name / "1" / "model.onnx", providers=["CPUExecutionProvider"])
    for tensors, values in ((config.input, session.get_inputs()), (config.output, session.get_outputs())):
        assert [tensor.name for tensor in tensors] == [value.name for value in values]
        for tensor, value in zip(tensors, values, strict=True):
            batch, *dims = value.shape
            assert batch == "batch"
            seen = list(tensor.reshape.shape) if tensor.HasField("reshape") else list(tensor.dims)
            assert seen == [size if isinstance(size, int) else -1 for size in dims]
            assert type(tensor).DESCRIPTOR.fields_by_name["data_type"].enum_type.values_by_number[
                tensor.data_type
            ].name == TYPES[value.type]  # fmt: skip


def test_the_configuration_asks_for_batches_instances_and_labels(repository, classifier):
    config, other = parsed(repository / "tickets"), parsed(repository / "multi")
    assert (config.name, config.backend, config.max_batch_size) == ("tickets", "onnxruntime", 32)
    assert config.dynamic_batching.max_queue_delay_microseconds > 0
    (group,) = config.instance_group
    assert (group.count, group.kind) == (2, group.KIND_CPU)
    (group,) = other.instance_group
    assert (group.count, group.kind) == (1, group.KIND_GPU)
    (labelled,) = [output for output in config.output if output.label_filename]
    assert labelled.name == "probabilities"
    lines = (repository / "tickets" / labelled.label_filename).read_text(encoding="utf-8").splitlines()
    assert lines == list(classifier.labels)
    assert list(labelled.dims) == [len(lines)]


def answers(session, requests):
    """What Triton answers to requests that it has put into one batch: laid end to end, and numbers without an axis."""
    batch = {name: np.concatenate([request[name] for request in requests]) for name in requests[0]}
    batch["lengths"] = batch["lengths"][:, 0]
    return session.run(["probabilities"], batch)[0]


@pytest.mark.parametrize("name", ["tickets", "multi"])
def test_requests_in_one_batch_are_answered_as_predict_answers(repository, name, classifier, multi_classifier, tickets):
    one = classifier if name == "tickets" else multi_classifier
    texts = [*tickets[:6], "zorgle is wibbly and frobby", "", "вода qqqq вовремя", "late", "brmpf xyzzy plugh quux"]
    groups = [texts[:4], texts[4:5], texts[5:]]
    session = onnxruntime.InferenceSession(repository / name / "1" / "model.onnx", providers=["CPUExecutionProvider"])
    alike = [inputs(one.tokenizer, group, char_ngrams=one.bundle.reads_ngrams) for group in groups]
    for key in alike[0]:  # a server waits for requests of equal shape; here all are made so
        widest = np.max([request[key].shape[1:] for request in alike], axis=0)
        for request in alike:
            more = [(0, int(size)) for size in widest - request[key].shape[1:]]
            request[key] = np.pad(request[key], [(0, 0), *more])
    expected = one.predict_proba(texts)
    np.testing.assert_allclose(answers(session, alike), expected, atol=1e-5)
    without = [{**request, "spellings": np.zeros_like(request["spellings"])} for request in alike]
    assert np.abs(answers(session, without) - expected).max() > 1e-3  # the n-grams do count


def test_few_shapes_leave_the_client(classifier, tickets):
    made = [inputs(classifier.tokenizer, [text], char_ngrams=True) for text in tickets[:150]]
    assert {request["lengths"].shape for request in made} == {(1, 1)}
    assert len({tuple(array.shape for array in request.values()) for request in made}) <= 6
    assert {request["ids"].shape[1] for request in made} <= {8, 16, 32, 64}


def test_a_model_of_numeric_columns_takes_numbers():
    given = inputs(NumberReader(["age", "income"]), ["age=3, income=-1.5", ""], char_ngrams=False)
    assert {name: (array.dtype, array.tolist()) for name, array in given.items()} == {
        "numbers": (np.float32, [[3.0, -1.5], [0.0, 0.0]]),
        "lengths": (np.int32, [[2], [2]]),
    }


def test_an_export_that_cannot_be_is_one_line_and_leaves_nothing(in_session, model, tmp_path):
    for arguments, words in (
        (["--to", tmp_path], "exists; pass another --to"),
        (["--to", tmp_path / "a b"], "cannot be the name of a model in Triton"),
        ([], "pass --to REPOSITORY/NAME"),
        (["--to", tmp_path / "x", "--precision", "int8", "--device", "cuda"], "int8 runs on the CPU only"),
        (["--to", tmp_path / "x", "--precision", "int8"], "has no int8 network"),
    ):
        done = in_session("export", "-m", model, "--format", "triton", *arguments)
        assert (done.exit_code, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert words in line
    assert not list(tmp_path.iterdir())


def test_a_network_that_answers_otherwise_is_not_written(model, tmp_path, monkeypatch):
    from attnclf.export import triton

    folder = shutil.copytree(model, tmp_path / "model")
    monkeypatch.setattr(triton, "ngram_slots", lambda words: np.zeros((max(1, len(words)), 1), np.int64))
    with pytest.raises(AttnclfError, match=r"differs by .* from the model, and nothing was written"):
        write_model(folder, tmp_path / "repository" / "model")
    assert not list((tmp_path / "repository").iterdir())
