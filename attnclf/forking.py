"""What belongs to one process: locks, threads and sessions, which a forked child makes again.

A child gets a copy of the memory and none of the threads. A lock that another thread held stays locked for ever, and
what that thread was changing stays half changed.
"""

import os
from typing import Protocol
from weakref import WeakSet


class OfOneProcess(Protocol):
    """Holds locks, threads or sessions; `renew` replaces them."""

    def renew(self) -> None:
        """Begin as in a new process."""
        ...


_alive: WeakSet[OfOneProcess] = WeakSet()


def renew_after_fork(owner: OfOneProcess) -> None:
    """Call `owner.renew` in each child process that is forked while `owner` is in use."""
    _alive.add(owner)


def _renew_all() -> None:
    for owner in list(_alive):
        owner.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
