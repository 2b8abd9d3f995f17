"""What this process may use of the machine, and what started it: torchrun, a Ray job, or neither."""

import json
import math
import os
from pathlib import Path, PurePosixPath

CGROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def cores() -> int:
    """Return the number of cores that this process may use; of torchrun's processes, each its share.

    These are the cores that it may run on, or the processor time that its container has, if that is less.
    """
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    granted = quota()
    if granted < here:
        here = math.ceil(granted)
    return max(1, here // local_world_size())


def quota(cgroups: Path = CGROUPS, own: Path = OWN) -> float:
    """Return the cores' worth of time that Linux's control groups leave this process, infinite without a limit.

    Both versions are read, in the process's own group and all groups above it: the tightest limit counts.
    """
    limits = [math.inf]
    for line in _lines(own):
        _, controllers, group = line.split(":", 2)
        if not controllers:
            limits += [_of_version_2(folder) for folder in _upwards(cgroups, group)]
        elif "cpu" in controllers.split(","):
            for mounted in {controllers, "cpu"}:
                limits += [_of_version_1(folder) for folder in _upwards(cgroups / mounted, group)]
    return min(limits)


def _upwards(root: Path, group: str) -> list[Path]:
    """Return the folders of a group and of those above it; a container may see its own group as the root."""
    inside = PurePosixPath(group.lstrip("/"))
    return [root / part for part in (inside, *inside.parents) if ".." not in part.parts]


def _of_version_2(folder: Path) -> float:
    words = " ".join(_lines(folder / "cpu.max")).split()
    return _share(*words) if len(words) == 2 else math.inf


def _of_version_1(folder: Path) -> float:
    words = [*_lines(folder / "cpu.cfs_quota_us"), *_lines(folder / "cpu.cfs_period_us")]
    return _share(*words) if len(words) == 2 else math.inf


def _share(microseconds: str, period: str) -> float:
    try:
        granted, of = int(microseconds), int(period)
    except ValueError:  # "max"
        return math.inf
    return granted / of if granted > 0 and of > 0 else math.inf


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def under_torchrun() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def rank() -> int:
    """Return the number of this process, 0 without torchrun."""
    return _from_torchrun("RANK", 0)


def world_size() -> int:
    """Return the number of processes on all machines, 1 without torchrun."""
    return _from_torchrun("WORLD_SIZE", 1)


def local_rank() -> int:
    """Return the number of this process on its machine, 0 without torchrun."""
    return _from_torchrun("LOCAL_RANK", 0)


def local_world_size() -> int:
    """Return the number of processes on this machine, 1 without torchrun."""
    return _from_torchrun("LOCAL_WORLD_SIZE", 1)


def restart_count() -> int:
    """Return how often torchrun restarted all processes because one ended."""
    return _from_torchrun("TORCHELASTIC_RESTART_COUNT", 0)


def _from_torchrun(name: str, default: int) -> int:
    return int(os.environ.get(name, default)) if under_torchrun() else default


def in_ray_job() -> bool:
    """Whether `ray job submit` started this process in a copy of a working folder, which Ray deletes afterwards."""
    job = json.loads(os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}"))
    return bool((job.get("runtime_env") or {}).get("working_dir"))
