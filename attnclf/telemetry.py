"""Reports of dependencies to their makers, switched off before any of them is imported.

The switches are environment variables, so that child processes and Ray workers have them too. A variable that is set
already keeps its value: whoever wants to report can.
"""

import os

SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime 1.29 and later: a device id and a queue of events in the home folder
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub, and datasets by way of it
    "RAY_USAGE_STATS_ENABLED": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def switch_off() -> None:
    """Set each variable of `SWITCHES` that is not set."""
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)


def is_off(name: str) -> bool:
    """Return whether a variable of `SWITCHES` has the value that switches reports off."""
    return os.environ.get(name) == SWITCHES[name]
