"""From model folders to a running server, and from a signal to its end."""

import asyncio
import contextlib
import functools
import logging
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from attnclf.errors import ConfigError
from attnclf.serve import connections
from attnclf.serve.app import create
from attnclf.serve.limits import Limits
from attnclf.serve.metrics import Metrics
from attnclf.serve.models import Model, Models, RuntimeOptions
from attnclf.serve.security import Guard
from attnclf.serve.service import Service

SPARE = 64  # files that are open beside the connections

log = logging.getLogger("attnclf.serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class BindConfig:
    """Where the server listens, and whom it lets in; see `security.Guard`."""

    host: str = "127.0.0.1"
    port: int = 8000
    key: str | None = None
    origins: Sequence[str] = ()
    hosts: Sequence[str] = ()
    drain: float = 30.0  # seconds in which requests in work may end after a signal to stop


def serve(folders: Mapping[str, Path], *, bind: BindConfig, runtime: RuntimeOptions, limits: Limits) -> None:
    """Serve model folders by name until SIGTERM or Ctrl-C; SIGHUP loads them again.

    Raises AttnclfError where a model cannot be loaded, ConfigError where the address cannot be had.
    """
    _allow_files(limits.connections)
    with _bound(bind) as listener:
        loop_factory = uvicorn.Config("", loop="auto").get_loop_factory()
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(_serve(folders, listener, bind, runtime, limits))


async def _serve(
    folders: Mapping[str, Path], listener: socket.socket, bind: BindConfig, runtime: RuntimeOptions, limits: Limits
) -> None:
    metrics = Metrics()
    models = Models([Model(name, folder, runtime, limits, metrics) for name, folder in folders.items()])
    service = Service(models=models, limits=limits, metrics=metrics)
    guard = functools.partial(Guard, host=bind.host, key=bind.key, origins=bind.origins, hosts=bind.hosts)
    config = uvicorn.Config(
        create(service, guard, bind.origins),
        http=connections.bounded(limits),
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=max(1, round(bind.drain)),
    )
    server = Server(config, ", ".join(folders))
    metrics.watch_server(
        lambda: service.bodies.used, lambda: service.spool.used, lambda: len(server.server_state.connections)
    )
    tasks = [
        asyncio.ensure_future(models.watch()),
        asyncio.ensure_future(connections.watch(server.server_state.connections, limits)),
    ]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        asyncio.get_running_loop().add_signal_handler(
            signal.SIGHUP, lambda: tasks.append(asyncio.ensure_future(models.reload()))
        )
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN:
        # uvicorn stops in order, and then sends itself the signal again: by then it is no matter any more.
        signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        await server.serve([listener])
    finally:
        for task in tasks:
            task.cancel()
        for model in models:
            model.close()


class Server(uvicorn.Server):
    """A uvicorn that prints in one line where it listens."""

    def __init__(self, config: uvicorn.Config, what: str) -> None:
        super().__init__(config)
        self._what = what

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGINT and SIGTERM, except those that are ignored already."""
        ignored = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is signal.SIG_IGN]
        with super().capture_signals():
            for number in ignored:
                signal.signal(number, signal.SIG_IGN)
            yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        log.info("Serving %s on http://%s:%d", self._what, f"[{host}]" if ":" in host else host, port)


def _bound(bind: BindConfig) -> socket.socket:
    """Return a socket with the address; before the models are loaded, so that a port in use is reported at once."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            bind.host, bind.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(socket.socket(family, kind, protocol))
            if sys.platform != "win32":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            stack.pop_all()  # it stays open
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {bind.host}:{bind.port}: {error.strerror or error}", fix="pass another --host or --port"
        ) from error
    return listener


def _allow_files(connections: int) -> None:
    """Let the process have as many connections as the system allows, up to that number."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + SPARE if hard == resource.RLIM_INFINITY else min(connections + SPARE, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
