"""What a model costs: bytes, weights, time and memory."""

import resource
import statistics
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from tts_compress.errors import TtsCompressError, nearest

if TYPE_CHECKING:
    from torch import Tensor, nn


def state_dict_bytes(model: "nn.Module") -> int:
    """Bytes of a model's inference state as raw float32: the baseline of every size ratio.

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


def real_time_factor(
    speak: Callable[[], object], seconds_of_audio: float, repeats: int = 5
) -> float:
    """Seconds of work for one second of speech, on one thread; lower is faster, below 1 is live.

    The median of `repeats` calls, after one that is not counted. The number of threads is then
    what it was before.

    Args:
        speak: Makes the speech, each time the same.
        seconds_of_audio: How long that speech is.
        repeats: How many calls are timed.

    Raises:
        TtsCompressError: There is no speech, or nothing to time.
    """
    import torch

    if seconds_of_audio <= 0 or repeats < 1:
        raise TtsCompressError(
            "real_time_factor: needs more than 0 seconds of speech and at least 1 repeat, "
            f"got {seconds_of_audio!r} and {repeats!r}. Check that the model spoke."
        )
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        speak()
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            speak()
            times.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(n_threads)
    return statistics.median(times) / seconds_of_audio


def peak_rss_bytes() -> int:
    """Most memory this process has held at once since it started, in bytes.

    It never falls, so runs are comparable only if each has its own process. Linux counts it for
    this program alone; `ru_maxrss`, used elsewhere, starts at the peak of the program that
    started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
