"""Why a request is not answered: a status and one clear line."""

from attnclf.errors import AttnclfError

UNAVAILABLE, TOO_MANY = 503, 429
RETRY_AFTER = 1  # seconds; a full queue is worked off in about that time


class Refusal(AttnclfError):
    """A request that the server does not answer; the message goes to the client as it is."""

    def __init__(self, status: int, problem: str, fix: str = "") -> None:
        super().__init__(problem, fix)
        self.status = status

    @property
    def headers(self) -> dict[str, str]:
        """Return what the reply says beside the message."""
        if self.status in (TOO_MANY, UNAVAILABLE):
            return {"Retry-After": str(RETRY_AFTER)}
        # The rest of a body that nobody reads must not be taken for the next request.
        return {"Connection": "close"} if self.status in (408, 413) else {}


class Overloaded(Refusal):
    """More is asked than the server can hold; `reason` is what the metrics call it."""

    def __init__(self, reason: str) -> None:
        super().__init__(TOO_MANY, "the server is busy", fix=f"try again in {RETRY_AFTER} s")
        self.reason = reason
