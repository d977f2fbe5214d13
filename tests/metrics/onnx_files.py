"""Small ONNX networks, written byte by byte, since the package that writes them is not needed."""

import struct

FLOAT, RAW_INT = 1, 7


def _field(number, value):
    """One field of a protocol buffer: an integer, or bytes with their length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _tensor(name, values):
    data = struct.pack(f"<{len(values)}f", *values)
    return _field(1, len(values)) + _field(2, FLOAT) + _field(8, name) + _field(9, data)


def _value(name, shape):
    dims = b"".join(
        _field(1, _field(1, size) if isinstance(size, int) else _field(2, size)) for size in shape
    )
    return _field(1, name) + _field(2, _field(1, _field(1, FLOAT) + _field(2, dims)))


def mean_plus(shape, offsets):
    """A network that gives the mean of an input of this shape, plus each offset: ``(1, n)``."""
    node = [
        _field(1, "x")
        + _field(2, "mean")
        + _field(4, "ReduceMean")
        + _field(5, _field(1, "keepdims") + _field(3, 0) + _field(20, 2)),
        _field(1, "mean") + _field(1, "offsets") + _field(2, "sum") + _field(4, "Add"),
        _field(1, "sum")
        + _field(2, "y")
        + _field(4, "Unsqueeze")
        + _field(5, _field(1, "axes") + _field(8, 0) + _field(20, RAW_INT)),
    ]
    graph = (
        b"".join(_field(1, one) for one in node)
        + _field(2, "mean_plus")
        + _field(5, _tensor("offsets", offsets))
        + _field(11, _value("x", shape))
        + _field(12, _value("y", (1, len(offsets))))
    )
    opset = _field(1, "") + _field(2, 11)
    return _field(1, 6) + _field(7, graph) + _field(8, opset)
