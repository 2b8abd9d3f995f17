"""`attnclf serve`: models as an HTTP service."""

from pathlib import Path
from typing import Annotated

import typer

from attnclf_cli import options


def serve(
    model: Annotated[
        list[str],
        typer.Option(
            "--model",
            "-m",
            envvar="ATTNCLF_MODEL",
            metavar="[NAME=]DIR",
            help="A folder that train wrote, with the name it is served under; repeat it for several.",
            show_default=False,
        ),
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    device: options.Device = options.DeviceName.auto,
    precision: options.Precision = options.PrecisionName.fp32,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="At most so many texts through the network together.", show_default=False)
    ] = None,
) -> None:
    """Serve models over HTTP: predictions, explanations, metrics, the Open Inference Protocol."""
    from attnclf.errors import ConfigError

    try:
        from attnclf.serve.server import Limits, Running, serve
    except ModuleNotFoundError as error:
        raise ConfigError(f"serve needs {error.name}", fix="pip install 'attnclf[serve]'") from error
    serve(
        _named(model),
        host=host,
        port=port,
        running=Running(device=device.value, precision=precision.value, batch_size=batch_size),
        limits=Limits(),
    )


def _named(models: list[str]) -> dict[str, Path]:
    """Return folders by name; one without a name gets that of its folder."""
    from attnclf.errors import ConfigError

    named: dict[str, Path] = {}
    for given in models:
        name, said, folder = given.partition("=")
        path = Path(folder) if said else Path(given)
        name = name if said else path.resolve().name
        if name in named:
            raise ConfigError(f"two models are called {name!r}", fix="name them: --model NAME=DIR")
        named[name] = path
    return named
