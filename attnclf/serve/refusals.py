"""Why a request is not answered: a status and one clear line."""

from attnclf.errors import AttnclfError

TOO_MANY, CLIENT_CLOSED, UNAVAILABLE = 429, 499, 503  # 499: nobody is there to be answered, as nginx has it
RETRY_AFTER = 1  # seconds


class Refusal(AttnclfError):  # noqa: N818  # no error of the server's
    """A request that the server does not answer; the message goes to the client as it is."""

    def __init__(self, status: int, problem: str, fix: str = "") -> None:
        super().__init__(problem, fix)
        self.status = status

    @property
    def headers(self) -> dict[str, str]:
        """Return the fields of the reply in addition to the message."""
        if self.status in (TOO_MANY, UNAVAILABLE):
            return {"Retry-After": str(RETRY_AFTER)}
        if self.status == 401:
            return {"WWW-Authenticate": "Bearer"}
        # The rest of a body that nobody reads must not become the next request.
        return {"Connection": "close"} if self.status == 413 else {}


class Disconnected(Refusal):
    """The client has left; what becomes of this error is of no interest to anybody."""

    def __init__(self) -> None:
        super().__init__(CLIENT_CLOSED, "the client has gone")


class Stopping(Refusal):
    """The server stops, and the request has not ended in the time for that."""

    def __init__(self) -> None:
        super().__init__(UNAVAILABLE, "the server stops", fix="try again")


class Overloaded(Refusal):
    """More is asked than the server can hold; `reason` is what the metrics call it."""

    def __init__(self, reason: str) -> None:
        super().__init__(TOO_MANY, "the server is busy", fix=f"try again in {RETRY_AFTER} s")
        self.reason = reason
