"""A trained network with half-precision numbers (IEEE 754 binary16): for GPUs, which compute with them much faster.

In half: the table of embeddings, the LSTM and GRU layers, and dense products, with what goes in and comes out of them.
In single precision: sums, masks, softmax, normalisations, the tables of the n-grams, whose columns differ a
thousandfold in size, and every output. So nothing is summed up or exponentiated in half but inside a product, where
GPUs sum in single precision themselves.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from attnclf.export import graphs

# The inputs of a layer that are numbers: not the lengths of a recurrent one, nor the ids.
NUMBERS = {"LSTM": (0, 1, 2, 3), "GRU": (0, 1, 2, 3), "MatMul": (0, 1), "Gemm": (0, 1, 2), "Gather": (0,)}
MOVING = ("Transpose", "Reshape", "Squeeze", "Unsqueeze")  # compute nothing, so that what is in half stays so
HALF = ".half"


def halve(path: Path, out: Path) -> None:
    """Write a copy of an exported ONNX file that computes in half precision where that is safe."""
    model = onnx.load(path)
    Halving(model.graph).rewrite()
    graphs.write(model, out)


class Halving:
    """Goes through a graph once, in the order of its nodes, and inserts casts between single and half precision."""

    def __init__(self, graph: GraphProto) -> None:
        self.graph = graph
        self.weights = {table.name: table for table in graph.initializer if table.data_type == TensorProto.FLOAT}
        self.nodes: list[NodeProto] = []
        self.half: set[str] = set()  # values that come out of a node in half, each under its name + HALF
        self.cast: set[str] = set()  # values that are there in both

    def rewrite(self) -> None:
        """Change the graph so that its layers compute in half precision."""
        for node in self.graph.node:
            if self._fits(node):
                self._run_in_half(node)
            else:
                self._leave(node)
        for output in self.graph.output:
            self._in_single(output.name)
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        read = {name for node in self.nodes for name in _read(node)}
        tables = [table for table in self.graph.initializer if table.name in read]
        tables += [_halved(table) for name, table in self.weights.items() if name + HALF in read]
        del self.graph.initializer[:]
        self.graph.initializer.extend(tables)

    def _fits(self, node: NodeProto) -> bool:
        if node.op_type == "Gather":
            return node.input[0] in self.weights and node.input[0].endswith("embedding.weight")
        if node.op_type in MOVING:
            return node.input[0] in self.half
        if node.op_type in NUMBERS:  # a recurrent layer, or a product with a weight or with what is in half already
            return any(name in self.weights or name in self.half for name in node.input[:2])
        return False

    def _run_in_half(self, node: NodeProto) -> None:
        for index in NUMBERS.get(node.op_type, (0,)):
            if index < len(node.input) and node.input[index]:
                node.input[index] = self._in_half(node.input[index])
        for index, name in enumerate(node.output):
            if name:
                node.output[index] = name + HALF
                self.half.add(name)
        self.nodes.append(node)

    def _leave(self, node: NodeProto) -> None:
        for name in _read(node):
            self._in_single(name)
        self.nodes.append(node)

    def _in_half(self, name: str) -> str:
        if not (name in self.weights or name in self.half or name in self.cast):
            self.cast.add(name)
            self.nodes.append(helper.make_node("Cast", [name], [name + HALF], to=TensorProto.FLOAT16))
        return name + HALF

    def _in_single(self, name: str) -> None:
        if name in self.half and name not in self.cast:
            self.cast.add(name)
            self.nodes.append(helper.make_node("Cast", [name + HALF], [name], to=TensorProto.FLOAT))


def _halved(table: TensorProto) -> TensorProto:
    with np.errstate(over="ignore"):  # a number out of range becomes infinite; the comparison of predictions notices it
        return numpy_helper.from_array(numpy_helper.to_array(table).astype(np.float16), table.name + HALF)


def _read(node: NodeProto) -> Iterator[str]:
    """Yield the names that a node reads, also from inside its own graphs, where those before it can be seen."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from _read(inner)
            yield from (output.name for output in graph.output)
