"""How much of the machine may be used."""

import os

from attnclf.launched import processes_here


def cores() -> int:
    """Return the number of cores that this process may use; of torchrun's processes, each its share."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, here // processes_here())
