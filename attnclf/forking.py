"""What belongs to one process: locks, threads and sessions, which a forked child makes again.

A child gets a copy of the memory and none of the threads. A lock that another thread held stays locked for ever, and
what that thread was changing stays half changed.
"""

import os
from weakref import WeakSet


class PerProcess:
    """Holds what belongs to one process; `renew` makes it, and makes it again in a forked child."""

    def __init__(self) -> None:
        self.renew()
        _alive.add(self)

    def renew(self) -> None:
        """Make locks, threads and sessions as in a new process."""
        raise NotImplementedError


_alive: WeakSet[PerProcess] = WeakSet()


def _renew_all() -> None:
    for owner in list(_alive):
        owner.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
