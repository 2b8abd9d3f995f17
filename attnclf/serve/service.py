"""What all requests share."""

from dataclasses import dataclass, field

from attnclf.serve.limits import Limits, Room
from attnclf.serve.metrics import Metrics
from attnclf.serve.models import Models


@dataclass(slots=True, kw_only=True)
class Service:
    """The models, what may be asked of them, and what is counted."""

    models: Models
    limits: Limits
    metrics: Metrics
    bodies: Room = field(init=False)
    spool: Room = field(init=False)

    def __post_init__(self) -> None:
        self.bodies = Room(self.limits.bodies, "memory")
        self.spool = Room(self.limits.spool, "disk")
