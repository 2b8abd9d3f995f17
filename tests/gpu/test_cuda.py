"""The same commands on an NVIDIA GPU; and what is said where there is none."""

import copy
import ctypes
import json
import re
import shutil

import numpy as np
import onnx
import pytest

from attnclf.config import Config
from attnclf.errors import DeviceError
from attnclf.export.precision import add_precision
from attnclf.runtime import onnxruntime_backend as sessions
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.onnxruntime_backend import open_backend

# What may differ between a GPU and a CPU in probabilities and attention: other orders of summing, and rounding to half.
AGREE = {"fp32": 1e-4, "fp16": 1e-3}
# Computed on the CPU beside a GPU without harm: they make shapes, and move no values.
SHAPES = {"Shape", "Squeeze", "Unsqueeze", "Concat", "Gather", "Slice", "Range", "Cast", "Add", "Mul", "Sub", "Reshape"}


def why_not():
    """Return what is missing for CUDA here, or None."""
    import onnxruntime
    import torch

    if not torch.cuda.is_available():
        return "torch sees no NVIDIA GPU here"
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return "ONNX Runtime has no CUDA provider here: install onnxruntime-gpu"
    return None


@pytest.fixture(scope="module")
def cuda():
    missing = why_not()
    if missing:
        pytest.skip(missing)


@pytest.fixture(scope="module")
def no_driver():
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return
    pytest.skip("there is an NVIDIA driver here")


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    """A model folder with an fp16 network."""
    folder = shutil.copytree(model, tmp_path_factory.mktemp("fp16") / "model")
    add_precision(folder, "fp16")
    return folder


@pytest.fixture
def data(examples):
    return examples / "tickets" / "tickets.csv"


@pytest.mark.parametrize("command", [["predict"], ["explain"], ["evaluate", "DATA"], ["bench"], ["info"]])
def test_a_gpu_that_is_not_there_is_one_line_with_the_remedy(in_session, model, data, no_driver, command):
    command = [data if word == "DATA" else word for word in command]
    done = in_session(*command, "-m", model, "--device", "cuda", input="x\n")
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: --device cuda was asked for, but ")
    assert line.endswith("or pass --device cpu")


def test_train_on_a_gpu_where_there_is_none_is_one_line_with_the_remedy(in_session, data, tmp_path, no_driver):
    done = in_session("train", data, "-o", tmp_path / "m", "--device", "cuda")
    assert done.exit_code == 1
    assert done.stderr == "Error: --device cuda was asked for, but torch sees no GPU; pass --device cpu\n"
    assert not (tmp_path / "m").exists()


def test_left_to_itself_a_session_runs_on_the_cpu_where_there_is_no_gpu(model, no_driver):
    session = open_backend(model / "model.onnx", device="auto")
    assert (session.device, session.no_gpu) == ("cpu", None)
    with pytest.raises(DeviceError):
        open_backend(model / "model.onnx", device="cuda")


@pytest.fixture
def driver_without_libraries(no_driver, monkeypatch):
    """A machine with a driver, where ONNX Runtime finds no CUDA libraries: here it has none to find."""
    monkeypatch.setattr(sessions, "has_gpu", lambda: True)


def test_a_gpu_that_does_not_work_is_told_by_info_and_left_alone(
    in_session, model, monkeypatch, driver_without_libraries
):
    if "CUDAExecutionProvider" not in sessions.onnxruntime.get_available_providers():
        pytest.skip("ONNX Runtime has no CUDA provider here")
    with pytest.raises(DeviceError, match=r"cannot load CUDA and cuDNN; pip install 'onnxruntime-gpu\[cuda,cudnn\]'"):
        open_backend(model / "model.onnx", device="cuda")
    session = open_backend(model / "model.onnx", device="auto")
    assert (session.device, session.no_gpu) == ("cpu", "ONNX Runtime cannot load CUDA and cuDNN")
    done = in_session("info", "-m", model)
    assert "device     cpu, not the GPU: ONNX Runtime cannot load CUDA and cuDNN" in done.stdout
    done = in_session("predict", "-m", model, "-f", "jsonl", input="x\n")
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 1)


def test_a_gpu_on_which_the_first_run_fails_is_not_used(model, monkeypatch, no_driver):
    def failing(session):
        raise RuntimeError("CUDNN failure 1001: CUDNN_STATUS_NOT_INITIALIZED\nmore lines")

    class Pretending:
        """A session on the CPU that says it is on the GPU."""

        def __init__(self, session):
            self.get_inputs, self.get_outputs = session.get_inputs, session.get_outputs

        def get_providers(self):
            return [sessions.CUDA, sessions.CPU]

    opened = sessions._opened

    def pretend(path, providers):
        session = opened(path, [sessions.CPU])
        return session if providers == [sessions.CPU] else Pretending(session)

    monkeypatch.setattr(sessions, "has_gpu", lambda: True)
    monkeypatch.setattr(sessions.onnxruntime, "get_available_providers", lambda: [sessions.CUDA, sessions.CPU])
    monkeypatch.setattr(sessions, "_opened", pretend)
    monkeypatch.setattr(sessions.OnnxRuntimeBackend, "warm_up", failing)
    with pytest.raises(DeviceError, match="cannot use the GPU: CUDNN failure 1001: CUDNN_STATUS_NOT_INITIALIZED; "):
        open_backend(model / "model.onnx", device="cuda")
    assert open_backend(model / "model.onnx", device="auto").device == "cpu"


def test_every_network_can_be_warmed_up(model, multi_model):
    for folder in (model, multi_model):
        open_backend(folder / "model.onnx", device="cpu").warm_up()


def test_the_default_network_leaves_nothing_to_the_cpu_that_the_cuda_provider_lacks(folder):
    """ONNX Runtime's OperatorKernels.md: on CUDA, Pad and GatherND take no int32, Pad no int64 either."""
    for name in ("model.onnx", "model.fp16.onnx"):
        kinds = {node.op_type for node in onnx.load(folder / name).graph.node}
        assert "LSTM" in kinds
        assert kinds.isdisjoint({"Pad", "GatherND"})


@pytest.mark.gpu
def test_left_to_itself_a_session_runs_on_the_gpu(cuda, model):
    session = open_backend(model / "model.onnx", device="auto")
    assert (session.device, session.no_gpu) == ("cuda", None)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["model.onnx", "model.fp16.onnx"])
def test_only_shapes_are_computed_on_the_cpu(cuda, folder, name):
    import onnxruntime

    open_backend(folder / name, device="cuda")  # loads CUDA
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    session = onnxruntime.InferenceSession(folder / name, options, providers=[sessions.CUDA, sessions.CPU])
    places = {sessions.CUDA: set(), sessions.CPU: set()}
    for part in session.get_provider_graph_assignment_info():
        places[part.ep_name] |= {node.op_type for node in part.get_nodes()}
    assert {"LSTM", "Softmax", "MatMul", "Gather"} <= places[sessions.CUDA]
    assert places[sessions.CPU] <= SHAPES


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("batch_size", [1, 32, 1024])
def test_predictions_and_attention_are_those_of_the_cpu(cuda, folder, tickets, precision, batch_size):
    texts = [*tickets, *tickets[::-1], *(f"{text} again" for text in tickets), "", "word " * 100, "😀"]
    on_cpu, on_gpu = (
        Classifier.load(folder, device=device, precision=precision, batch_size=batch_size) for device in ("cpu", "cuda")
    )
    assert on_gpu.backend.device == "cuda"
    for one, other in zip(on_gpu.predict(texts), on_cpu.predict(texts), strict=True):
        assert (one.label is None) == (other.label is None)
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=AGREE[precision])
        np.testing.assert_allclose(one.attention, other.attention, atol=AGREE[precision])


@pytest.mark.gpu
def test_many_batches_at_a_time_give_what_one_alone_gives(cuda, model, tickets):
    classifier = Classifier.load(model, device="cuda", batch_size=4)
    assert classifier.backend.workers == sessions.IN_FLIGHT > 1
    for _ in range(5):
        together = classifier.predict_proba(tickets)
        alone = np.concatenate([classifier.predict_proba([text]) for text in tickets])
        np.testing.assert_allclose(together, alone, atol=AGREE["fp32"])


@pytest.mark.gpu
def test_gradients_are_those_of_the_cpu_though_cudnn_has_none_for_recurrent_layers(cuda, model, classifier, tickets):
    from attnclf.explain.api import explain

    on_gpu = Classifier.load(model, device="cuda")
    for method in ("gradient-x-input", "integrated-gradients"):
        for ours, theirs in zip(
            *(explain(loaded, tickets[:5], method=method, faithfulness=False) for loaded in (on_gpu, classifier)),
            strict=True,
        ):
            expected = [word.weight for word in theirs.words]
            assert [word.weight for word in ours.words] == pytest.approx(expected, abs=1e-2)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_commands_say_on_the_gpu_what_they_say_on_the_cpu(cuda, attnclf, folder, data, tickets, precision):
    lines = "\n".join(tickets[:50]) + "\n"
    for command in (["predict", "--attention"], ["explain", "-f", "json"], ["evaluate", data, "-f", "json"]):
        answers = {}
        for device in ("cpu", "cuda"):
            done = attnclf(*command, "-m", folder, "--device", device, "--precision", precision, input=lines)
            assert done.returncode == 0, done.stderr
            answers[device] = [json.loads(line) for line in done.stdout.splitlines()]
        for one, other in zip(answers["cuda"], answers["cpu"], strict=True):
            if command[0] == "evaluate":
                assert one["accuracy"] == pytest.approx(other["accuracy"], abs=0.01)
                continue
            assert one["score"] == pytest.approx(other["score"], abs=AGREE[precision])
            weights = one.get("weights") or [word["weight"] for word in one["tokens"]]
            assert weights == pytest.approx(
                other.get("weights") or [word["weight"] for word in other["tokens"]], abs=AGREE[precision]
            )
    done = attnclf("info", "-m", folder, "--device", "cuda", "-f", "json")
    assert json.loads(done.stdout)["device"] == "cuda"


@pytest.mark.gpu
def test_export_makes_an_fp16_network_and_bench_measures_it_on_both(cuda, attnclf, model, data, tmp_path):
    folder = shutil.copytree(model, tmp_path / "model")
    done = attnclf("export", "-m", folder, "--precision", "fp16", "--data", data)
    assert done.returncode == 0, done.stderr
    done = attnclf("bench", "-m", folder, "-f", "json")
    assert done.returncode == 0, done.stderr
    rows = [(row["precision"], row["device"]) for row in json.loads(done.stdout)]
    assert rows == [("fp32", "cpu"), ("fp16", "cpu"), ("fp32", "cuda"), ("fp16", "cuda")]


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_model_trained_on_the_gpu_learns_and_runs_anywhere(cuda, in_session, data, tmp_path, precision):
    done = in_session(
        "train", data, "-o", tmp_path / "m", "--device", "cuda", "--preset", "fast", "--no-baseline",
        "--set", f"training.precision={precision}",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    manifest = json.loads((tmp_path / "m" / "attnclf.json").read_text())
    assert manifest["parity"] < 1e-4
    assert manifest["metrics"]["valid"]["accuracy"] > 0.4  # four labels: chance is 0.25
    texts = ["my parcel is late", "I was charged twice"]
    answers = [Classifier.load(tmp_path / "m", device=device).predict_proba(texts) for device in ("cpu", "cuda")]
    np.testing.assert_allclose(answers[0], answers[1], atol=AGREE["fp32"])


@pytest.mark.gpu
@pytest.mark.parametrize("average", [0.0, 0.9], ids=["plain", "averaged"])
def test_a_run_on_the_gpu_that_fell_is_resumed_to_its_end(cuda, exporting, data, small, tmp_path, monkeypatch, average):
    from attnclf.training import trainer
    from attnclf.training.pipeline import train

    class Fallen(Exception):  # noqa: N818
        pass

    def fall(progress):
        if progress.step == 40:
            raise Fallen

    settings = copy.deepcopy(small)
    settings["training"]["average"] = average
    common = {"config": Config.from_dict(settings), "device": "cuda", "baseline": False, "say": lambda line: None}
    monkeypatch.setattr(trainer, "SAVE_EVERY", 0.0)
    with pytest.raises(Fallen):
        train(str(data), tmp_path / "m", watch=fall, **common)
    resumed = train(str(data), tmp_path / "m", resume=True, **common)
    assert len(resumed.outcome.history) == settings["training"]["epochs"]
    assert Classifier.load(tmp_path / "m", device="cuda").predict_proba(["late parcel"]).sum() == pytest.approx(1)


@pytest.mark.gpu
def test_the_language_model_is_pretrained_on_the_gpu_too(cuda, in_session, data, tickets, tmp_path):
    (tmp_path / "more.txt").write_text("\n".join(tickets), encoding="utf-8")
    done = in_session(
        "train", data, "-o", tmp_path / "m", "--device", "cuda", "--preset", "fast", "--no-baseline", "--epochs", 1,
        "--unlabeled", tmp_path / "more.txt",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    first, last = map(float, re.search(r"Pretrained on .* loss ([\d.]+) to ([\d.]+)", done.stderr).groups())
    assert last < first
