"""Tensors that a method quantized: their levels and tables."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tts_compress.encodings.coder import Decoder, Kind, Sink
from tts_compress.encodings.plain import read_float, write_float
from tts_compress.quantized import Codebook, MultiBit, Quantized, Scaled, Uniform, matrix_shape


def write_form(form: Quantized, sink: Sink) -> None:
    """Writes a form: its tables, then its levels."""
    match form:
        case Uniform(scale=table) | Codebook(tables=table) | MultiBit(scales=table):
            write_float(table, sink, Kind.TABLES)
        case Scaled():
            write_float(form.step, sink, Kind.TABLES)
            _write_exponents(form.rows, sink)
            _write_exponents(form.columns, sink)
    sink.levels(form.matrix().numpy(), Kind.LEVELS)


def read_uniform(shape: tuple[int, ...], table: tuple[int, ...], source: Decoder) -> Uniform:
    """Gives back a `Uniform` with a scale of this shape."""
    _check(table, matrix_shape(shape), 2)
    scale = read_float(table, torch.float32, source, Kind.TABLES)
    return Uniform(_levels(shape, source), scale)


def read_scaled(shape: tuple[int, ...], table: tuple[int, ...], source: Decoder) -> Scaled:
    """Gives back a `Scaled`."""
    rows, columns = matrix_shape(shape)
    step = read_float((), torch.float32, source, Kind.TABLES)
    exponents = [_read_exponents(size, source) for size in (rows, columns)]
    return Scaled(_levels(shape, source), step, *exponents)


def read_codebook(shape: tuple[int, ...], table: tuple[int, ...], source: Decoder) -> Codebook:
    """Gives back a `Codebook` with tables of this shape."""
    if len(table) != 2 or not 1 <= table[0] <= max(1, matrix_shape(shape)[0]) or table[1] < 1:
        raise ValueError(f"tables of shape {table}")
    tables = read_float(table, torch.float32, source, Kind.TABLES)
    if not bool(((tables == 0).sum(1) == 1).all() and (tables.diff() > 0).all()):
        raise ValueError("a table that is not ascending or has no zero")
    form = Codebook(_levels(shape, source), tables)
    if form.levels.numel():
        entries = form.entries()
        if not 0 <= int(entries.min()) <= int(entries.max()) < table[1]:
            raise ValueError("a level outside of its table")
    return form


def read_multibit(shape: tuple[int, ...], table: tuple[int, ...], source: Decoder) -> MultiBit:
    """Gives back a `MultiBit` with scales of this shape."""
    _check(table, matrix_shape(shape), 3)
    if not 1 <= table[0] <= 15:
        raise ValueError(f"{table[0]} binary codes")
    scales = read_float(table, torch.float32, source, Kind.TABLES)
    levels = _levels(shape, source)
    if bool((levels.int().abs() > 2 ** (table[0] - 1)).any()):
        raise ValueError("a level that no code has")
    return MultiBit(levels, scales)


def table_shape(form: Quantized) -> Sequence[int]:
    """Gives the shape of a form's table; empty where the tensor's shape tells it."""
    match form:
        case Uniform(scale=table) | Codebook(tables=table) | MultiBit(scales=table):
            return tuple(table.shape)
    return ()


def _levels(shape: tuple[int, ...], source: Decoder) -> Tensor:
    return torch.from_numpy(source.levels(*matrix_shape(shape), Kind.LEVELS)).reshape(shape)


def _check(table: tuple[int, ...], matrix: tuple[int, int], axes: int) -> None:
    rows, columns = matrix
    if len(table) != axes or table[-2] not in (1, rows) or not 1 <= table[-1] <= max(1, columns):
        raise ValueError(f"a table of shape {table} for a matrix of {rows} rows, {columns} columns")


def _write_exponents(exponents: Tensor, sink: Sink) -> None:
    values = exponents.numpy().astype(np.int16)
    middle = int(np.median(values)) if len(values) else 0
    sink.levels(np.array([[middle]], np.int16), Kind.TABLES)
    sink.levels((values - middle)[None], Kind.TABLES)


def _read_exponents(size: int, source: Decoder) -> Tensor:
    middle = int(source.levels(1, 1, Kind.TABLES)[0, 0])
    values = source.levels(1, size, Kind.TABLES)[0].astype(np.int32) + middle
    if len(values) and not -128 <= int(values.min()) <= int(values.max()) <= 127:
        raise ValueError("an exponent of more than 8 bits")
    return torch.from_numpy(values.astype(np.int8))
