"""What all requests share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from attnclf.serve.limits import CapacityLimiter, Limits
from attnclf.serve.metrics import Metrics
from attnclf.serve.models import Models

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True, kw_only=True)
class Service:
    """The models, their limits and the metrics."""

    models: Models
    limits: Limits
    metrics: Metrics
    bodies: CapacityLimiter = field(init=False)
    spool: CapacityLimiter = field(init=False)

    def __post_init__(self) -> None:
        self.bodies = CapacityLimiter(self.limits.bodies, "memory")
        self.spool = CapacityLimiter(self.limits.spool, "disk")
