"""`attnclf serve`: models as an HTTP service."""

import os
from pathlib import Path
from typing import Annotated

import typer

from attnclf_cli import options


def serve(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            metavar="[NAME=]DIR|hf:OWNER/NAME",
            help="A model, and optionally the name to serve it under; repeat for several. Default: ATTNCLF_MODEL.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is every address of this machine.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    device: options.Device = options.DeviceName.auto,
    precision: options.Precision = options.PrecisionName.fp32,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Maximum batch size.", show_default=False)] = None,
    batch_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Maximum number of tokens of requests that share a batch.", show_default=False),
    ] = None,
    batch_delay: Annotated[
        float,
        typer.Option(
            min=0, max=1000, callback=options.number, help="Milliseconds to wait for more requests of a batch."
        ),
    ] = 2,
    queue: Annotated[
        int, typer.Option(min=1, help="Tokens that may wait; a request beyond gets status 429.")
    ] = 500_000,
    deadline: Annotated[
        float,
        typer.Option(min=0.001, callback=options.number, help="Seconds until a request that has no answer fails."),
    ] = 30,
    max_body: Annotated[int, typer.Option(min=1, help="Maximum size of a request in bytes.")] = 8 * 2**20,
    max_spool: Annotated[
        int, typer.Option(min=1, help="Bytes on disk for streams that are answered when complete.")
    ] = 2**30,
    max_texts: Annotated[int, typer.Option(min=1, help="Maximum number of texts of a request.")] = 4096,
    max_characters: Annotated[int, typer.Option(min=1, help="Maximum number of characters of a text.")] = 100_000,
    max_connections: Annotated[int, typer.Option(min=1, help="Maximum number of open connections.")] = 10_000,
    patience: Annotated[
        float,
        typer.Option(min=0.1, callback=options.number, help="Seconds that a client may take to send or to receive."),
    ] = 20,
    drain: Annotated[
        float, typer.Option(min=1, callback=options.number, help="Seconds for running requests when the server stops.")
    ] = 30,
    api_key_file: Annotated[
        Path | None,
        typer.Option(help="File with the key that clients send; default: ATTNCLF_API_KEY.", show_default=False),
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="A site whose pages may send requests.", show_default=False)
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Another host name of this server.", show_default=False)
    ] = None,
) -> None:
    """Serve models over HTTP: predictions, explanations, metrics, the Open Inference Protocol, a page to try them."""
    from attnclf.errors import ConfigError

    try:
        from attnclf.serve import limits, models, security, server
    except ModuleNotFoundError as error:
        raise ConfigError(f"serve needs the package {error.name}", fix="pip install 'attnclf[serve]'") from error
    key = _key(api_key_file)
    if key is None and not security.is_loopback(host):
        typer.echo(f"Warning: whoever reaches {host} may ask; set ATTNCLF_API_KEY or pass --api-key-file", err=True)
    _log_to_stderr()
    server.serve(
        _named(model or _of_environment()),
        bind=server.BindConfig(
            host=host, port=port, key=key, origins=allow_origin or (), hosts=allow_host or (), drain=drain
        ),
        runtime=models.RuntimeOptions(
            device=device.value,
            precision=precision.value,
            batch_size=batch_size,
            batch_tokens=batch_tokens,
            batch_delay=batch_delay / 1000,
        ),
        limits=limits.Limits(
            body=max_body,
            spool=max_spool,
            texts=max_texts,
            characters=max_characters,
            queue=queue,
            deadline=deadline,
            patience=patience,
            connections=max_connections,
        ),
    )


def _key(file: Path | None) -> str | None:
    """Return the key of the file, else of the environment."""
    from attnclf.errors import ConfigError

    if file is None:
        return os.environ.get("ATTNCLF_API_KEY") or None
    try:
        key = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the key in {file}", fix="pass another --api-key-file") from error
    if not key:
        raise ConfigError(f"{file} is empty", fix="write the key into it")
    return key


def _of_environment() -> list[str]:
    """Return the model that the environment names: one, for its folder may have spaces in its name."""
    from attnclf.errors import ConfigError

    if model := os.environ.get("ATTNCLF_MODEL"):
        return [model]
    raise ConfigError("no model is named", fix="pass --model DIR, or set ATTNCLF_MODEL")


def _named(models: list[str]) -> dict[str, Path]:
    """Return folders by name; one without a name gets that of its folder or link, or of its place on the hub."""
    from attnclf.errors import ConfigError
    from attnclf.hub import PREFIX, located

    named: dict[str, Path] = {}
    for given in models:
        name, said, model = given.partition("=") if "=" in given else ("", "", given)
        path = located(model)
        if not said:
            own = Path(os.path.abspath(path)).name  # noqa: PTH100  # of a link, not of what it points to
            name = model.partition("@")[0].rpartition("/")[2] if model.startswith(PREFIX) else own
        if not name or "/" in name or name in named:
            raise ConfigError(f"{name!r} cannot be the name of a model, or of two", fix="pass --model NAME=DIR")
        named[name] = path
    return named


def _log_to_stderr() -> None:
    """Write one line for each event: time, how bad, what."""
    import logging

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("attnclf.serve").setLevel(logging.INFO)
