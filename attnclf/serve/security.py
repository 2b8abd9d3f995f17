"""Who may ask: the key, the host that was meant, and the page that asks; the headers of every reply for a browser."""

import hashlib
import hmac
import ipaddress
from collections.abc import Collection, Mapping
from urllib.parse import SplitResult, urlsplit

from attnclf.serve.refusals import Refusal

HEADERS = [
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]
LOOPBACK = ("localhost", "127.0.0.1", "::1")
HEALTH = ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready")  # by any name, and without a key
OPEN = (*HEALTH, "/docs", "/openapi.json")  # without a key


class Guard:
    """Lets requests in.

    With a `key`, those that bear it. Without, and on a loopback `host`, those that name this machine as their host: a
    page of another site could otherwise reach the server by a name that it lets point here (DNS rebinding). Health is
    answered under any name, and to HTTP/1.0 without one: load balancers ask so. A page of another site is let in only
    where it is one of `origins`.
    """

    def __init__(
        self,
        *,
        host: str,
        key: str | None = None,
        origins: Collection[str] = (),
        hosts: Collection[str] = (),
        unguarded: Collection[str] = (),
    ) -> None:
        self._digest = None if key is None else _digest(key.encode())
        self._hosts = {*LOOPBACK, host, *hosts} if key is None and is_loopback(host) else None
        self._origins = frozenset(origins)
        self._open = frozenset((*OPEN, *unguarded))

    def needs_key(self, path: str) -> bool:
        """Return whether an address is for those who have the key."""
        return self._digest is not None and path not in self._open

    def check(self, path: str, headers: Mapping[bytes, bytes]) -> None:
        """Raise Refusal for a request that is not let in."""
        if self._hosts is not None and path not in HEALTH:
            meant = _address(f"//{headers.get(b'host', b'').decode('latin-1')}")
            if meant is None or meant.hostname not in self._hosts:
                raise Refusal(403, "this server is known by another name", fix="start it with --allow-host NAME")
        origin = headers.get(b"origin")
        if origin is not None:
            page = origin.decode("latin-1")
            own = _address(page)
            if page not in self._origins and (own is None or own.netloc != headers.get(b"host", b"").decode("latin-1")):
                raise Refusal(403, "pages of other sites are not let in", fix="start it with --allow-origin URL")
        if not self.needs_key(path):
            return
        kind, _, given = headers.get(b"authorization", b"").partition(b" ")
        if kind.lower() != b"bearer" or not hmac.compare_digest(_digest(given.strip()), self._digest or b""):
            raise Refusal(401, "the API key is missing or wrong", fix="send it as Authorization: Bearer KEY")


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _address(url: str) -> SplitResult | None:
    """Return the parts of an address, None where it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _digest(key: bytes) -> bytes:
    """Return what keys are compared by: it does not show their lengths."""
    return hashlib.sha256(key).digest()
