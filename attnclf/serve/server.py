"""Models into a running server: uvicorn, signals, and the order of starting and stopping."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import uvicorn

from attnclf.serve.app import create
from attnclf.serve.limits import Limits
from attnclf.serve.models import Model, Models, Running
from attnclf.serve.service import Service


def serve(folders: Mapping[str, Path], *, host: str, port: int, running: Running, limits: Limits) -> None:
    """Serve model folders until a signal."""
    asyncio.run(_serve(folders, host, port, running, limits))


async def _serve(folders: Mapping[str, Path], host: str, port: int, running: Running, limits: Limits) -> None:
    models = Models([Model(name, folder, running, limits) for name, folder in folders.items()])
    config = uvicorn.Config(
        create(Service(models, limits)),
        host=host,
        port=port,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
    )
    await uvicorn.Server(config).serve()
