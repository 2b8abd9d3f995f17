"""`attnclf push`: a model folder to the Hugging Face hub."""

from pathlib import Path
from typing import Annotated

import typer


def push(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that train wrote.", show_default=False)],
    name: Annotated[
        str, typer.Argument(metavar="OWNER/NAME", help="Name of the model on the hub.", show_default=False)
    ],
    private: Annotated[bool, typer.Option("--private", help="Make a new repository that only you can read.")] = False,
) -> None:
    """Copy a model to the Hugging Face hub; --model hf:OWNER/NAME reads it from there."""
    from attnclf.hub import push as run

    address = run(folder, name, private=private)
    typer.echo(address)
    typer.echo(f"Try: cat texts.txt | attnclf predict -m hf:{name}", err=True)
