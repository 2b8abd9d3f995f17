"""The backend of ONNX Runtime: sessions on the device that was asked for."""

import contextlib
import ctypes
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Literal, get_args

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from attnclf import telemetry
from attnclf.errors import BundleError, DeviceError
from attnclf.forking import PerProcess
from attnclf.machine import cores
from attnclf.runtime.backend import Device, NetworkOutput
from attnclf.runtime.pruning import axes, pruned

ERRORS_ONLY, NOTHING = 3, 4  # ONNX Runtime's log levels
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
# By default what goes into a product is rounded to 10 bits (TF32), and a GPU's answers differ from a CPU's; for speed
# there is fp16.
CUDA_OPTIONS = {"use_tf32": "0"}
IN_FLIGHT = 2  # batches at a time on a GPU: while it computes one, the next is padded and the last one's answers read
ALWAYS = NetworkOutput._fields[:3]

# Windows does not read the variable, and elsewhere ONNX Runtime reads it only when it is imported, which may have been
# before attnclf. Then its first report is made, and this holds back the others.
if telemetry.is_off("ORT_DISABLE_TELEMETRY"):
    onnxruntime.disable_telemetry_events()


class OnnxRuntimeBackend(PerProcess):
    """Runs one exported network by sessions of ONNX Runtime; see `Backend`."""

    def __init__(
        self,
        model: bytes,
        providers: Sequence[Any],
        device: Literal["cpu", "cuda"],
        workers: int = 1,
        no_gpu: str | None = None,
    ) -> None:
        self._model, self._providers = model, providers
        super().__init__()
        self.device = device
        self.no_gpu = no_gpu
        self.workers = workers
        inputs = self.computing().get_inputs()
        self._first = inputs[0]  # ids, or numbers
        self.reads_ngrams = any(given.name == "spellings" for given in inputs)
        self.axes: Mapping[str, tuple[str | int, ...]] = {
            name: shape for name, shape in axes(model).items() if name not in ALWAYS
        }

    def renew(self) -> None:
        """Forget all sessions, to open them again when needed: a thread of the parent may have been within one."""
        self._sessions: list[tuple[set[str], Any]] = []  # what each computes, and the session
        self._opening = Lock()

    def computing(self, *named: str) -> Any:
        """Return a session of ONNX Runtime that computes `ALWAYS` and these; it is opened when first asked for."""
        with self._opening:
            for outputs, session in self._sessions:
                if outputs.issuperset(named):
                    return session
            session = _opened(pruned(self._model, (*ALWAYS, *named)), self._providers)
            self._sessions.append(({output.name for output in session.get_outputs()}, session))
            return session

    def run(
        self,
        ids: NDArray[np.int64] | NDArray[np.float32],
        lengths: NDArray[np.integer],
        ngrams: NDArray[np.int64] | None = None,
        *,
        named: Iterable[str] = (),
    ) -> NetworkOutput:
        """Run a batch; see `Backend.run`."""
        inputs: dict[str, NDArray[Any]] = {self._first.name: ids, "lengths": lengths.astype(np.int32)}
        if ngrams is not None:
            inputs["spellings"] = ngrams
        names = tuple(named)
        logits, probabilities, attention, *others = self.computing(*names).run([*ALWAYS, *names], inputs)
        return NetworkOutput(logits, probabilities, attention, dict(zip(names, others, strict=True)))

    def warm_up(self) -> None:
        """Run a text of one token; see `Backend.warm_up`."""
        numeric = self._first.type == "tensor(float)"
        width = self._first.shape[1] if numeric else 1
        ids = np.ones((1, width), dtype=np.float32 if numeric else np.int64)
        self.run(ids, np.array([width]), np.zeros((1, 1), dtype=np.int64) if self.reads_ngrams else None)


def open_backend(path: Path, *, device: Device = "auto", threads: int = 0) -> OnnxRuntimeBackend:
    """Open an ONNX file; `auto` takes the GPU when there is one and ONNX Runtime can use it, else the CPU.

    On a CPU each batch runs on one core, and `threads` of them may run at a time; 0 means one for each core. Raises
    DeviceError when `cuda` is asked for and not to be had: ONNX Runtime itself would quietly run on the CPU.
    """
    if device not in get_args(Device):
        raise DeviceError(f"there is no device {device!r}", fix=f"use one of {', '.join(get_args(Device))}")
    model, no_gpu = path.read_bytes(), None
    if device == "cuda" or (device == "auto" and has_gpu()):
        try:
            return _on_gpu(model)
        except DeviceError as error:
            if device == "cuda":
                raise DeviceError(f"--device cuda was asked for, but {error.problem}", fix=error.fix) from error
            no_gpu = error.problem
    try:
        return OnnxRuntimeBackend(model, [CPU], "cpu", threads or cores(), no_gpu)
    except Exception as error:  # the runtime's own exception types derive from Exception only
        raise BundleError(f"ONNX Runtime cannot open {path}: {error}", fix="copy or train the model again") from error


def _on_gpu(model: bytes) -> OnnxRuntimeBackend:
    """Open a network on the GPU and run it once, for cuDNN is looked for only when a recurrent layer runs.

    Raises DeviceError with the reason when that fails.
    """
    if CUDA not in onnxruntime.get_available_providers():
        raise DeviceError("this ONNX Runtime has no CUDA provider", fix="install onnxruntime-gpu, or pass --device cpu")
    if not has_gpu():
        raise DeviceError("there is no NVIDIA driver here", fix="install it, or pass --device cpu")
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it cannot find among the results
        onnxruntime.preload_dlls()
    onnxruntime.set_default_logger_severity(NOTHING)  # a provider that fails to load is told from the list below
    try:
        session = OnnxRuntimeBackend(model, [(CUDA, CUDA_OPTIONS), CPU], "cuda", IN_FLIGHT)
        if CUDA in session.computing().get_providers():
            session.warm_up()
            return session
    except Exception as error:  # the runtime's own exception types derive from Exception only
        reason = str(error).splitlines()[0]
        raise DeviceError(f"ONNX Runtime cannot use the GPU: {reason}", fix="pass --device cpu") from error
    raise DeviceError(
        "ONNX Runtime cannot load CUDA and cuDNN",
        fix="pip install 'onnxruntime-gpu[cuda,cudnn]', or pass --device cpu",
    )


def _opened(model: bytes, providers: Sequence[Any]) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    # One level below all: the rest concerns images, and takes longer than the whole start otherwise.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    # One core for a batch: the steps of a recurrent layer are too small to share, and cores that wait for each other
    # after every step lose more than they win as soon as anything else wants one of them.
    options.intra_op_num_threads = 1
    # Its own fall-back to the CPU prints among the results.
    return onnxruntime.InferenceSession(model, options, providers=providers, enable_fallback=False)


def has_gpu() -> bool:
    """Return whether an NVIDIA driver is installed, without loading any CUDA library."""
    if CUDA not in onnxruntime.get_available_providers():
        return False
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
