"""What all requests share."""

from attnclf.serve.limits import Limits, Room
from attnclf.serve.models import Models


class Service:
    """The models, and what may be asked of them."""

    def __init__(self, models: Models, limits: Limits) -> None:
        self.models, self.limits = models, limits
        self.bodies = Room(limits.bodies, "memory")
