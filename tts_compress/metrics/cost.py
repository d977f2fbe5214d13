"""What a model costs: bytes, weights, multiplications and memory."""

import ctypes
import gc
import math
import resource
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tts_compress.errors import TtsCompressError, nearest

if TYPE_CHECKING:
    from torch import Tensor, nn

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")


def state_dict_bytes(model: "nn.Module") -> int:
    """Bytes of a model's inference state as raw float32: what public checkpoints hold.

    That is 4 bytes for each parameter and each value of a saved floating point buffer, whatever
    type they have now; a tensor under two names counts once. Integer state, such as a batch norm's
    `num_batches_tracked`, is left out, and so is all that a file format or an optimizer would add.

    >>> from torch import nn
    >>> state_dict_bytes(nn.Linear(3, 2)), state_dict_bytes(nn.BatchNorm1d(5))
    (32, 80)
    """
    named: dict[str, Tensor] = model.state_dict(keep_vars=True)
    state = {id(tensor): tensor for tensor in named.values()}
    return 4 * sum(tensor.numel() for tensor in state.values() if tensor.is_floating_point())


def n_parameters(model: "nn.Module") -> int:
    """How many weights a model has, zeros included; a shared weight counts once."""
    return sum(parameter.numel() for parameter in model.parameters())


def n_nonzero(model: "nn.Module") -> int:
    """How many weights of a model are not zero; a shared weight counts once."""
    return sum(int(parameter.count_nonzero()) for parameter in model.parameters())


def sparsity(model: "nn.Module", names: Collection[str]) -> float:
    """Fraction of zeros in [0, 1] over the named parameters together.

    Raises:
        TtsCompressError: `names` is empty, or names no parameter of the model.

    >>> import torch
    >>> layer = torch.nn.Linear(2, 2)
    >>> layer.weight.data = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    >>> sparsity(layer, ["weight"])
    0.75
    """
    known: dict[str, Tensor] = dict(model.named_parameters(remove_duplicate=False))
    if not names:
        raise TtsCompressError(f"sparsity: needs at least one parameter, got {names!r}. Name some.")
    for name in names:
        if name not in known:
            raise TtsCompressError(
                f"sparsity: the model has no such parameter, got {name!r}. {nearest(name, known)}"
            )
    n_zero = sum(int((known[name] == 0).sum()) for name in names)
    return n_zero / sum(known[name].numel() for name in names)


@dataclass(frozen=True)
class Macs:
    """Multiply-accumulates of one layer.

    Attributes:
        dense: All of them.
        effective: Those whose weight is not zero, and all products of activations.
    """

    dense: int
    effective: int


def macs(layers: Mapping[str, Macs]) -> int:
    """Multiply-accumulates of one sentence, zeros included: what dense kernels do.

    Args:
        layers: Of each layer, from `tts_compress.metrics.macs.sentence_macs`.

    >>> macs({"a": Macs(30, 15), "b": Macs(10, 10)})
    40
    """
    return sum(layer.dense for layer in layers.values())


def effective_macs(layers: Mapping[str, Macs]) -> int:
    """Multiply-accumulates of one sentence whose weight is not zero: what has to be done.

    Products of activations with activations, as inside attention, count fully.

    Args:
        layers: Of each layer, from `tts_compress.metrics.macs.sentence_macs`.

    >>> effective_macs({"a": Macs(30, 15), "b": Macs(10, 10)})
    25
    """
    return sum(layer.effective for layer in layers.values())


def macs_per_second(counts: Sequence[float], seconds: Sequence[float]) -> float:
    """Multiply-accumulates for one second of audio, over all sentences together.

    Args:
        counts: `macs` of each sentence.
        seconds: How long each is.

    Raises:
        TtsCompressError: There is no audio, or not as many lengths as counts.

    >>> macs_per_second([300, 100], [1.5, 0.5])
    200.0
    """
    return _per_second("macs_per_second", counts, seconds)


def effective_macs_per_second(counts: Sequence[float], seconds: Sequence[float]) -> float:
    """The same of `effective_macs`.

    Args:
        counts: `effective_macs` of each sentence.
        seconds: How long each is.

    Raises:
        TtsCompressError: There is no audio, or not as many lengths as counts.
    """
    return _per_second("effective_macs_per_second", counts, seconds)


def _per_second(where: str, counts: Sequence[float], seconds: Sequence[float]) -> float:
    if len(counts) != len(seconds) or sum(seconds) <= 0:
        raise TtsCompressError(
            f"{where}: needs as many lengths as counts and more than 0 seconds, "
            f"got {len(seconds)!r}, {len(counts)!r} and {sum(seconds)!r}. Check the model spoke."
        )
    return sum(counts) / sum(seconds)


def peak_rss_bytes() -> int:
    """Most memory this process has held at once since it started, in bytes.

    It never falls, so runs are comparable only if each has its own process. Linux counts it for
    this program alone; `ru_maxrss`, used elsewhere, starts at the peak of the program that
    started this one.
    """
    if STATUS.exists():
        return _status("VmHWM")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def peak_memory_bytes(speak: Callable[[], object]) -> float:
    """Most host memory that speaking takes at once, above what is held before; NaN if unknown.

    Weights that are loaded before are not in it, nor what a first call sets up once: `speak` is
    called twice, and the second call is measured. Memory that was freed but kept by the allocator
    is given back first, so that it cannot hide what is used. Only Linux with glibc lets a process
    reset its high-water mark; elsewhere there is no such measure.

    Source: man page proc_pid_clear_refs(5), value 5.
    """
    speak()
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
        CLEAR_REFS.write_text("5")
    except (OSError, AttributeError):
        return math.nan
    before = _status("VmRSS")
    speak()
    return max(0, _status("VmHWM") - before)


def _status(field: str) -> int:
    """Gives a figure that Linux keeps of this process, in bytes."""
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return int(lines[field].split()[0]) * 1024
