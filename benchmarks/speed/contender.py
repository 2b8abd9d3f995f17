"""A process of its own for each contender: its own libraries, threads and memory, idle while others measure."""

import importlib
import os
from collections.abc import Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

# What a shell may have set; without it every library takes its own default.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


def environment() -> dict[str, str]:
    """Return this process's environment without limits on threads."""
    return {name: value for name, value in os.environ.items() if name not in THREADS}


class Contender:
    """Calls `module:prepare` with the arguments in a fresh process, and there, at each turn, what that returned."""

    def __init__(self, prepare: str, *arguments: object, environ: Mapping[str, str] | None = None) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, prepare, arguments, environ or {}), daemon=True)
        self._process.start()
        theirs.close()
        self._receive()

    def __call__(self) -> Any:
        """Measure once."""
        self._pipe.send(None)
        return self._receive()

    def __enter__(self) -> "Contender":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.terminate()

    def _receive(self) -> Any:
        try:
            return self._pipe.recv()
        except EOFError:
            raise RuntimeError("a contender ended; its output is above") from None


def _serve(pipe: Connection, prepare: str, arguments: tuple[object, ...], environ: Mapping[str, str]) -> None:
    for name in THREADS:
        os.environ.pop(name, None)
    os.environ.update(environ)  # before anything is imported that reads it
    module, _, name = prepare.partition(":")
    measure = getattr(importlib.import_module(module), name)(*arguments)
    pipe.send("ready")
    while True:
        try:
            pipe.recv()
        except EOFError:
            return
        pipe.send(measure())
