"""Other n-gram tables in an exported graph: what a second export would write, without the seconds that it takes."""

from pathlib import Path

import onnx
from onnx import numpy_helper

from attnclf.errors import ExportError
from attnclf.model.mixture import Mixture

PREFIX = "network.linear."


def exchange(path: Path, network: Mixture) -> None:
    """Put the tables of a network's linear model into the graph of another one that differs in nothing else.

    How many rows a table has may differ. Raises ExportError where the graph does not have all of the tables.
    """
    model = onnx.load(str(path))
    tables = {PREFIX + name: table for name, table in network.linear.state_dict().items()}
    for place, tensor in enumerate(model.graph.initializer):
        if tensor.name in tables:
            fresh = numpy_helper.from_array(tables.pop(tensor.name).cpu().numpy(), tensor.name)
            model.graph.initializer[place].CopyFrom(fresh)
    if tables:
        raise ExportError(f"the exported graph has no {', '.join(tables)}", fix="report this; --valid FILE avoids it")
    onnx.save(model, str(path))
