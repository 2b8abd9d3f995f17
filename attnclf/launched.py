"""What torch's launcher, torchrun, tells a process by its environment; a process that it did not start is alone."""

import os


def at_all() -> bool:
    """Tell whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def _told(name: str, otherwise: int) -> int:
    return int(os.environ.get(name, otherwise)) if at_all() else otherwise


def rank() -> int:
    """Return which of the processes this is."""
    return _told("RANK", 0)


def processes() -> int:
    """Return the number of processes, on all machines."""
    return _told("WORLD_SIZE", 1)


def rank_here() -> int:
    """Return which of the processes on this machine this is."""
    return _told("LOCAL_RANK", 0)


def processes_here() -> int:
    """Return the number of processes on this machine."""
    return _told("LOCAL_WORLD_SIZE", 1)


def restarts() -> int:
    """Return how often the launcher has started all processes anew after one ended."""
    return _told("TORCHELASTIC_RESTART_COUNT", 0)
