"""The same commands on an NVIDIA GPU; and what is said where there is none."""

import ctypes
import json

import numpy as np
import pytest

from attnclf.errors import DeviceError
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.session import open_session


def why_not():
    """Return what is missing for CUDA here, or None."""
    import onnxruntime
    import torch

    if not torch.cuda.is_available():
        return "torch sees no GPU"
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return "ONNX Runtime has no CUDA provider"
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


def test_predict_on_a_gpu_where_there_is_none_is_one_line_with_the_remedy(attnclf, model, no_driver):
    done = attnclf("predict", "-m", model, "--device", "cuda", input="x\n")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: --device cuda was asked for")
    assert "pass --device cpu" in line


def test_train_on_a_gpu_where_there_is_none_is_one_line_with_the_remedy(in_session, examples, tmp_path, no_driver):
    data = examples / "tickets" / "tickets.csv"
    done = in_session("train", data, "-o", tmp_path / "m", "--device", "cuda")
    assert done.exit_code == 1
    assert done.stderr == "Error: --device cuda was asked for, but torch sees no GPU; pass --device cpu\n"
    assert not (tmp_path / "m").exists()


def test_left_to_itself_a_session_runs_on_the_cpu_where_there_is_no_gpu(model, no_driver):
    assert open_session(model / "model.onnx", device="auto").device == "cpu"
    with pytest.raises(DeviceError):
        open_session(model / "model.onnx", device="cuda")


@pytest.mark.gpu
def test_left_to_itself_a_session_runs_on_the_gpu(cuda, model):
    assert open_session(model / "model.onnx", device="auto").device == "cuda"


@pytest.mark.gpu
def test_predictions_and_attention_are_those_of_the_cpu(cuda, model, classifier, tickets):
    texts = [*tickets, "", "word " * 100, "😀"]
    on_gpu = Classifier.load(model, device="cuda")
    assert on_gpu.session.device == "cuda"
    for one, other in zip(on_gpu.predict(texts), classifier.predict(texts), strict=True):
        assert (one.label is None) == (other.label is None)
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-3)
        np.testing.assert_allclose(one.attention, other.attention, atol=1e-3)


@pytest.mark.gpu
def test_gradients_are_those_of_the_cpu_though_cudnn_has_none_for_recurrent_layers(cuda, model, classifier, tickets):
    from attnclf.explain.explain import explain

    on_gpu = Classifier.load(model, device="cuda")
    for method in ("gradient-x-input", "integrated-gradients"):
        for ours, theirs in zip(
            *(explain(loaded, tickets[:5], method=method, faithfulness=False) for loaded in (on_gpu, classifier)),
            strict=True,
        ):
            expected = [word.weight for word in theirs.words]
            assert [word.weight for word in ours.words] == pytest.approx(expected, abs=1e-2)


@pytest.mark.gpu
def test_the_commands_say_on_the_gpu_what_they_say_on_the_cpu(cuda, attnclf, model, tickets):
    lines = "\n".join(tickets[:50]) + "\n"
    for command in (["predict", "--attention"], ["explain", "-f", "json"]):
        answers = {}
        for device in ("cpu", "cuda"):
            done = attnclf(*command, "-m", model, "--device", device, input=lines)
            assert done.returncode == 0, done.stderr
            answers[device] = [json.loads(line) for line in done.stdout.splitlines()]
        for one, other in zip(answers["cuda"], answers["cpu"], strict=True):
            assert one["score"] == pytest.approx(other["score"], abs=1e-3)
            weights = [one.get("weights") or [word["weight"] for word in one["tokens"]]]
            assert weights == [
                pytest.approx(other.get("weights") or [word["weight"] for word in other["tokens"]], abs=1e-3)
            ]
    done = attnclf("info", "-m", model, "--device", "cuda", "-f", "json")
    assert json.loads(done.stdout)["device"] == "cuda"


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_model_trained_on_the_gpu_learns_and_runs_anywhere(cuda, in_session, examples, tmp_path, precision):
    data = examples / "tickets" / "tickets.csv"
    done = in_session(
        "train", data, "-o", tmp_path / "m", "--device", "cuda", "--preset", "fast", "--no-baseline",
        "--set", f"training.precision={precision}",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    manifest = json.loads((tmp_path / "m" / "attnclf.json").read_text())
    assert manifest["parity"] < 1e-4
    assert manifest["metrics"]["valid"]["accuracy"] > 0.4  # four labels: chance is 0.25
    texts = ["my parcel is late", "I was charged twice"]
    answers = [Classifier.load(tmp_path / "m", device=device).probabilities(texts) for device in ("cpu", "cuda")]
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-3)
