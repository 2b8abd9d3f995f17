"""What a command leaves in the home and temporary folders, and which hosts it asks for."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from attnclf import telemetry

# ONNX Runtime reports nothing where it sees a build service, and what this process has switched off stays off.
QUIET_ANYWAY = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "JENKINS_URL", *telemetry.SWITCHES)
# The documented caches, by their places in the home folder, and torch's empty one in the folder for temporary files.
CACHES = {".cache/matplotlib", ".config/matplotlib", "torchinductor_"}
REPORTING = 15  # seconds after which ONNX Runtime has looked up its makers' host for the first time


@pytest.fixture(scope="session")
def resolver(tmp_path_factory):
    """Compile what records look-ups and lets none leave this machine."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs Linux and a C compiler: apt-get install gcc libc6-dev")
    library = tmp_path_factory.mktemp("resolver") / "resolver.so"
    source = Path(__file__).with_name("resolver.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, source], check=True)
    return library


class Traces:
    """An empty home folder, an empty one for temporary files, and a list of the hosts that were asked for."""

    def __init__(self, folder, temporary, resolver):
        self.home, self.temporary, self._hosts = folder / "home", temporary, folder / "hosts"
        self.home.mkdir()
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in QUIET_ANYWAY},
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "LD_PRELOAD": str(resolver),
            "LOOKUPS": str(self._hosts),
            "OMP_NUM_THREADS": "1",
        }
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR", "HF_HOME", "RAY_ADDRESS", "RAY_AUTH_TOKEN"):
            self.environment.pop(name, None)

    @property
    def hosts(self):
        return self._hosts.read_text().split() if self._hosts.exists() else []

    @property
    def files(self):
        """Everything in both folders but the documented caches and the folders above them."""
        found = [str(path.relative_to(folder)) for folder in (self.home, self.temporary) for path in folder.rglob("*")]
        return [
            name
            for name in found
            if not any(name.startswith(cache) or cache.startswith(f"{name}/") for cache in CACHES)
        ]

    def run(self, *command, input=""):
        done = subprocess.run(
            list(map(str, command)), env=self.environment, input=input, capture_output=True, text=True, timeout=300,
            check=False, cwd=self.home.parent,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done


@pytest.fixture
def traces(tmp_path, resolver):
    with tempfile.TemporaryDirectory() as temporary:  # with a short name: the paths of Ray's sockets are bounded
        yield Traces(tmp_path, Path(temporary), resolver)


def attnclf(*arguments):
    return sys.executable, "-m", "attnclf", *arguments


SHORT = ("training.epochs=1", "training.min_steps=1", "model.encoder.hidden=4", "model.embedding.dim=4")


def test_training_leaves_the_model_and_looks_nothing_up(traces, examples, tmp_path):
    settings = [word for setting in SHORT for word in ("--set", setting)]
    done = traces.run(*attnclf("train", examples / "tickets" / "tickets.csv", "--out", tmp_path / "m", *settings))
    assert "Matplotlib" not in done.stderr
    assert (traces.files, traces.hosts) == ([], [])
    assert {path.name for path in tmp_path.iterdir()} == {"home", "m"}


@pytest.mark.parametrize(
    "arguments",
    [("predict",), ("explain", "-f", "json"), ("evaluate", "ROWS"), ("info",), ("bench", "--file", "ROWS"),
     ("export", "--precision", "int8"), ("export", "--format", "triton", "--to", "triton")],
    ids=lambda arguments: " ".join(arguments[:3]),
)  # fmt: skip
def test_a_command_that_runs_a_model_leaves_nothing_and_looks_nothing_up(traces, model, tmp_path, arguments):
    rows, copy = tmp_path / "rows.csv", shutil.copytree(model, tmp_path / "copy")
    rows.write_text("text,label\nmy card,billing\nno parcel,delivery\n")
    words = [{"ROWS": rows}.get(word, word) for word in arguments]
    traces.run(*attnclf(*words, "-m", copy), input="" if "ROWS" in arguments else "my parcel is late\n")
    assert (traces.files, traces.hosts) == ([], [])


@pytest.mark.long
def test_a_server_leaves_nothing_and_looks_nothing_up(traces, model):
    environment = traces.environment
    with subprocess.Popen(
        attnclf("serve", "-m", str(model), "--port", "0"), env=environment, stderr=subprocess.PIPE, text=True
    ) as server:
        assert "Serving" in server.stderr.readline()
        time.sleep(REPORTING)
        server.terminate()
    assert (traces.files, traces.hosts) == ([], [])


@pytest.mark.long
def test_ray_writes_its_session_and_looks_nothing_up(traces, model, tmp_path):
    pytest.importorskip("ray")
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        (tmp_path / "in" / f"{name}.jsonl").write_text(json.dumps({"text": "my parcel is late"}) + "\n")
    command = attnclf("predict", "--engine", "ray", tmp_path / "in", "-o", tmp_path / "out", "-m", model, "-f", "jsonl")
    traces.run(*command, "--workers", "2")
    assert ([name for name in traces.files if name.split("/")[0] != "ray"], traces.hosts) == ([], [])


def test_a_home_folder_that_cannot_be_written_to_goes_unmentioned(traces, model, examples, tmp_path):
    traces.environment["HOME"] = "/dev/null/home"
    settings = [word for setting in SHORT for word in ("--set", setting)]
    train = attnclf("train", examples / "tickets" / "tickets.csv", "--out", tmp_path / "m", *settings)
    for command in (train, attnclf("predict", "-m", model)):
        said = traces.run(*command, input="my parcel is late\n").stderr
        assert "/dev/null" not in said
        assert "telemetry" not in said.lower()
    assert traces.hosts == []


def test_the_switches_of_reports_are_set_before_any_library_is_imported():
    code = "import attnclf, os, sys; print(*map(os.environ.get, sys.argv[1:]), 'onnxruntime' in sys.modules)"
    environment = {name: value for name, value in os.environ.items() if name not in telemetry.SWITCHES}
    command = [sys.executable, "-c", code, *telemetry.SWITCHES]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert said == [*telemetry.SWITCHES.values(), "False"]
    wanted = {**environment, "ORT_DISABLE_TELEMETRY": "0"}  # somebody's own choice
    said = subprocess.run(command, env=wanted, capture_output=True, text=True, check=True).stdout.split()
    assert said[0] == "0"


def test_the_resolver_would_notice(traces):
    code = """
import contextlib, socket
for asked in (("example.invalid", 80), ("192.0.2.1", 80)):
    with contextlib.suppress(OSError):
        socket.create_connection(asked)
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("192.0.2.2", 53))
with socket.create_server(("127.0.0.1", 0)) as here:
    socket.create_connection(here.getsockname()).close()
"""
    traces.run(sys.executable, "-c", code)
    assert traces.hosts == ["example.invalid", "192.0.2.1"]
