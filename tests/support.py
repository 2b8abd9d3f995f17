"""What tests import from each other's side: where the examples lie, the environment of processes, and short cuts."""

import contextlib
import os
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"

# One thread a process: many threads wait for each other on a machine that is busy with other things.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in ("ATTNCLF_MODEL", "FORCE_COLOR")},
    "OMP_NUM_THREADS": "1",
    "NO_COLOR": "1",
    "COLUMNS": "100",
}


def slot_of(gram):
    """Return the slot of an n-gram, by the definition of FNV-1a over code points and MurmurHash3's finalizer."""
    bits, mask = 2166136261, 2**32 - 1
    for character in gram:
        bits = (bits ^ ord(character)) * 16777619 & mask
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        bits = (bits ^ bits >> shift) * factor & mask
    return bits % 2**18 + 1


@contextlib.contextmanager
def shapes_unchecked():
    """Leave shapes unchecked: checking compares sizes, and a size that is compared becomes a constant of the export."""
    import jaxtyping

    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def weights_alone(folder, context, rows, model, **others):
    """What stands for `write_bundle` where only learning is asked about: export and scores take longer than that."""
    from safetensors.torch import save_file

    save_file(
        {name: value.contiguous() for name, value in model.network.state_dict().items()}, folder / "weights.safetensors"
    )


def invoke(*arguments, input=None):
    """Run the command in this process, and return what `Command` returns; a problem that nobody foresaw is raised."""
    from attnclf_cli.app import application
    from typer.testing import CliRunner

    runner = CliRunner(env={"ATTNCLF_MODEL": None, "FORCE_COLOR": None, "NO_COLOR": "1", "COLUMNS": "100"})
    done = runner.invoke(application(), list(map(str, arguments)), input=input, catch_exceptions=False)
    done.returncode = done.exit_code
    return done
