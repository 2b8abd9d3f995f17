"""An ONNX graph without the work that nobody asked for.

ONNX Runtime computes every node of a graph, whatever is fetched of it. What only `explain` asks for is a tenth of that,
and more where there are many labels. So a graph is opened with the nodes that lead to what is asked for, and no others.
The messages of ONNX are read here as they lie in the file (protobuf: a sequence of fields, each a number and a
payload). The package that defines them takes longer to import than all the rest of `predict`.
"""

from collections.abc import Collection, Iterator
from typing import NamedTuple

# Numbers of fields, from onnx.proto.
GRAPH = 7  # of a model
NODE, OUTPUT = 1, 12  # of a graph
READ, WRITTEN, ATTRIBUTE = 1, 2, 5  # of a node
SUBGRAPHS = (6, 11)  # of an attribute: one graph, several
NAME, TYPE, TENSOR, SHAPE, AXIS, LENGTH, SYMBOL = 1, 2, 1, 2, 1, 1, 2  # of an output: type.tensor.shape.axes

SIZED, VARYING, FIXED = 2, 0, {1: 8, 5: 4}  # kinds of payload: one that says how long it is, a number, one of n bytes


class Field(NamedTuple):
    """One field of a message: its number, its payload (of a number that varies, its value), and all of it."""

    number: int
    payload: memoryview
    value: int
    whole: memoryview


def axes(model: bytes) -> dict[str, tuple[str | int, ...]]:
    """Return for each output of a model its axes: a length, or a name where it varies."""
    graph = _one(memoryview(model), GRAPH)
    found = {}
    for output in _each(graph, OUTPUT):
        shape = _one(_one(_one(output, TYPE), TENSOR), SHAPE)
        found[_text(_one(output, NAME))] = tuple(_length(axis) for axis in _each(shape, AXIS))
    return found


def pruned(model: bytes, outputs: Collection[str]) -> bytes:
    """Return a model with the nodes that lead to these outputs, and with all outputs that these nodes write."""
    parts: list[bytes | memoryview] = []
    for field in _fields(memoryview(model)):
        if field.number == GRAPH:
            kept = _kept(field.payload, outputs)
            parts += [_number(GRAPH << 3 | SIZED), _number(sum(map(len, kept))), *kept]
        else:
            parts.append(field.whole)
    return b"".join(parts)


def _kept(graph: memoryview, outputs: Collection[str]) -> list[memoryview]:
    """Return the fields of a graph that are needed."""
    fields = [*_fields(graph)]
    needed, idle, written = {*outputs}, set(), set()
    for position, field in reversed([*enumerate(fields)]):  # nodes stand behind those whose results they read
        if field.number == NODE:
            reads, writes = _named(field.payload)
            if needed.isdisjoint(writes):
                idle.add(position)
            else:
                written.update(writes)
                needed.update(reads)
    for position, field in enumerate(fields):
        if field.number == OUTPUT and _text(_one(field.payload, NAME)) not in written:
            idle.add(position)
    return [field.whole for position, field in enumerate(fields) if position not in idle]


def _named(node: memoryview) -> tuple[list[str], list[str]]:
    """Return what a node reads, also in graphs inside it (of a loop), and what it writes."""
    reads, writes = [], []
    for field in _fields(node):
        if field.number == READ:
            reads.append(_text(field.payload))
        elif field.number == WRITTEN:
            writes.append(_text(field.payload))
        elif field.number == ATTRIBUTE:
            graphs = [inner.payload for inner in _fields(field.payload) if inner.number in SUBGRAPHS]
            for graph in graphs:
                reads += [_text(_one(output, NAME)) for output in _each(graph, OUTPUT)]
                reads += [name for inner in _each(graph, NODE) for name in _named(inner)[0]]
    return reads, writes


def _length(axis: memoryview) -> str | int:
    for field in _fields(axis):
        if field.number in (LENGTH, SYMBOL):
            return _text(field.payload) if field.number == SYMBOL else field.value
    return 0


def _one(message: memoryview, number: int) -> memoryview:
    return next(_each(message, number), memoryview(b""))


def _each(message: memoryview, number: int) -> Iterator[memoryview]:
    return (field.payload for field in _fields(message) if field.number == number)


def _text(payload: memoryview) -> str:
    return str(payload, "utf-8")


def _fields(message: memoryview) -> Iterator[Field]:
    position = 0
    while position < len(message):
        start = position
        key, position = _read_number(message, position)
        kind, value, begin = key & 7, 0, position
        if kind == SIZED:
            size, begin = _read_number(message, position)
            position = begin + size
        elif kind == VARYING:
            value, position = _read_number(message, position)
        else:
            position += FIXED[kind]
        yield Field(key >> 3, message[begin:position], value, message[start:position])


def _read_number(message: memoryview, position: int) -> tuple[int, int]:
    """Return a number, seven bits a byte, the lowest first, and the position after it."""
    value = message[position]
    if value < 0x80:  # as nearly all of them are
        return value, position + 1
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


def _number(value: int) -> bytes:
    """Return a number as `_read_number` reads it."""
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])
