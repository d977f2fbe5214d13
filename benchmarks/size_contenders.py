"""The ways to store a network that `size.py` compares, each with its settings.

All store the same tensors and give them back as a network would load them. Where a tool leaves a
choice to its user, it is made in its favour. Matrices are rows by all other axes; vectors, such as
biases, are float16 wherever weights have fewer bits.
"""

import gzip
import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zstandard
from numpy.typing import NDArray
from size_subjects import Subject
from torch import Tensor

from tts_compress.architectures.base import Architecture

PEER = Path(__file__).with_name("nncodec_peer.py")
Coded = tuple[int, Architecture]  # bytes, and the network that they give
Streams = list[bytes]


@dataclass(frozen=True)
class Contender:
    """A way to store a network.

    Attributes:
        name: What it is called.
        code: Stores a subject with a setting.
        settings: From fine to coarse.
    """

    name: str
    code: Callable[[Subject, Any], Coded]
    settings: Sequence[Any] = ({},)


def raw(tensors: Mapping[str, Tensor], dtype: torch.dtype = torch.float32) -> bytes:
    return b"".join(tensor.to(dtype).numpy().tobytes() for tensor in tensors.values())


def zstd(data: bytes) -> int:
    return len(zstandard.ZstdCompressor(level=19).compress(data))


def gzipped(data: bytes) -> int:
    return len(gzip.compress(data, 9, mtime=0))


def float32(coder: Callable[[bytes], int]) -> Callable[[Subject, Any], Coded]:
    return lambda subject, _: (coder(raw(subject.tensors)), subject.dense)


def float16(subject: Subject, _: Any) -> Coded:
    half = {name: tensor.half().float() for name, tensor in subject.tensors.items()}
    n_bytes = min(2 * sum(t.numel() for t in half.values()), zstd(raw(half, torch.float16)))
    return n_bytes, subject.holding(half)


def uniform(subject: Subject, setting: Mapping[str, int]) -> Coded:
    """Symmetric levels with a float16 step for each row; its range has the least squared error."""
    top = 2 ** (setting["bits"] - 1) - 1
    streams, decoded = Streams(), {}
    for name, tensor in subject.tensors.items():
        if tensor.ndim < 2:
            streams.append(raw({name: tensor}, torch.float16))
            decoded[name] = tensor.half().float()
            continue
        matrix = tensor.flatten(1)
        largest = matrix.abs().amax(1, keepdim=True).clamp(min=1e-12)
        best = torch.full_like(largest, float("inf"))
        steps = largest / top
        for part in torch.linspace(0.3, 1, 15):
            step = (part * largest / top).half().float().clamp(min=6e-8)
            error = (_rounded(matrix, step, top) * step - matrix).square().sum(1, keepdim=True)
            steps = torch.where(error < best, step, steps)
            best = torch.minimum(error, best)
        levels = _rounded(matrix, steps, top)
        decoded[name] = (levels * steps).view_as(tensor)
        streams += [raw({name: steps}, torch.float16), levels.to(torch.int8).numpy().tobytes()]
    return zstd(b"".join(streams)), subject.holding(decoded)


def _rounded(matrix: Tensor, step: Tensor, top: int) -> Tensor:
    return (matrix / step).round().clamp(-top, top)


def kmeans(subject: Subject, setting: Mapping[str, int]) -> Coded:
    """A float16 codebook for each tensor, by Lloyd's algorithm from an even start.

    What gzip makes of the codes is the smaller of packed bits and of one byte a weight.

    Source: Han, Mao and Dally 2016, "Deep Compression", section 3.
    """
    bits = setting["bits"]
    codes, tables, decoded = [], Streams(), {}
    for name, tensor in subject.tensors.items():
        if tensor.ndim < 2:
            tables.append(raw({name: tensor}, torch.float16))
            decoded[name] = tensor.half().float()
            continue
        centroids, code = _clustered(tensor.numpy().ravel(), 2**bits)
        tables.append(centroids.tobytes())
        codes.append(code)
        decoded[name] = torch.from_numpy(centroids.astype(np.float32)[code]).view_as(tensor)
    together = np.concatenate(codes)
    packed = np.packbits((together[:, None] >> np.arange(bits)) & 1)
    n_bytes = min(gzipped(packed.tobytes()), gzipped(together.tobytes()))
    return n_bytes + gzipped(b"".join(tables)), subject.holding(decoded)


def _clustered(
    values: NDArray[np.float32], n_centroids: int, rounds: int = 50
) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
    """Gives the centroids, in order, and which of them each value has."""
    ordered = np.sort(values.astype(np.float64))
    total = np.concatenate([[0.0], np.cumsum(ordered)])
    centroids = np.linspace(ordered[0], ordered[-1], n_centroids)
    for _ in range(rounds):
        ends = np.searchsorted(ordered, (centroids[1:] + centroids[:-1]) / 2)
        cuts = np.concatenate([[0], ends, [len(ordered)]])
        sizes = np.diff(cuts)
        means = np.diff(total[cuts]) / np.maximum(sizes, 1)
        centroids = np.where(sizes > 0, means, centroids)
    stored = centroids.astype(np.float16)
    middles = (stored[1:].astype(np.float64) + stored[:-1]) / 2
    return stored, np.searchsorted(middles, values).astype(np.uint8)


def nncodec(environment: Path) -> Callable[[Subject, Any], Coded]:
    """Gives what codes with NNCodec, in its own environment."""

    def code(subject: Subject, setting: Mapping[str, Any]) -> Coded:
        with tempfile.TemporaryDirectory() as folder:
            given, got = Path(folder) / "in.npz", Path(folder) / "out.npz"
            np.savez(given, **{name: tensor.numpy() for name, tensor in subject.tensors.items()})
            command = [environment / "bin" / "python", PEER, given, got, json.dumps(setting)]
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            decoded = dict(np.load(got))
        tensors = {name: torch.from_numpy(values) for name, values in decoded.items()}
        return int(said), subject.holding(tensors)

    return code


OPTIONS: dict[str, Any] = {"nonweight_qp": -40}  # -75, its default, takes 2 % more bytes
BY_TENSOR = {**OPTIONS, "opt_qp": True}  # steps by each tensor's size and spread
NNCODEC = (
    *({"qp": qp, **BY_TENSOR} for qp in (-64, -57, -50, -44, -38, -34, -30, -26, -23, -21, -19)),
    *({"qp": qp, **OPTIONS} for qp in (-34, -26, -20)),
    {"qp": -26, **BY_TENSOR, "lambda_scale": 0.5},
)
"""Trellis-coded quantization, which it does unless told not to; the best of these is taken."""

PEERS = (
    Contender("gzip", float32(gzipped)),
    Contender("zstd", float32(zstd)),
    Contender("float16", float16),
    Contender("uniform + zstd", uniform, [{"bits": bits} for bits in (8, 7, 6, 5, 4, 3, 2)]),
    Contender("k-means + gzip", kmeans, [{"bits": bits} for bits in (8, 6, 5, 4, 3, 2)]),
)
