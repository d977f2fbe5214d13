"""The type that a network's weights fit, which stages must not widen by chance."""

from collections.abc import Collection

import torch
from torch import nn

from tts_compress.errors import CheckpointError

NARROW = (torch.float16, torch.bfloat16)


def trained(model: nn.Module) -> list[nn.Parameter]:
    """Gives the parameters that are no fixed tables."""
    return [p for p in model.parameters() if p.requires_grad]


@torch.no_grad()
def stored_precision(model: nn.Module) -> torch.dtype | None:
    """Gives the narrow type that holds every trained parameter exactly; None if none does.

    Fixed tables, such as those of positions, do not count.

    >>> layer = nn.Linear(2, 1)
    >>> layer.weight.data = torch.tensor([[0.5, 0.1]]).half().float()
    >>> layer.bias.data = torch.tensor([1.0])
    >>> stored_precision(layer)
    torch.float16
    """
    for dtype in NARROW:
        if all(torch.equal(p.to(dtype).to(p.dtype), p) for p in trained(model)):
            return dtype
    return None


@torch.no_grad()
def round_parameters(
    model: nn.Module, dtype: torch.dtype | None, except_for: Collection[str] = ()
) -> None:
    """Rounds trained parameters to a narrow type, in place; values that it cannot hold stay.

    A voice that is stored in float16 has float32 weights whose low bits are zero, which every
    compressor sees. Weights that were fitted or trained would fill them for nothing.

    Args:
        model: The network.
        dtype: The type; None changes nothing.
        except_for: Names of parameters that stay as they are.

    >>> layer = nn.Linear(2, 1, bias=False)
    >>> layer.weight.data = torch.tensor([[0.1, -3.0]])
    >>> round_parameters(layer, torch.float16)
    >>> layer.weight.tolist()
    [[0.0999755859375, -3.0]]
    """
    if dtype is None:
        return
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and name not in except_for:
            rounded = parameter.to(dtype).to(parameter.dtype)
            parameter.copy_(torch.where(rounded.isfinite(), rounded, parameter))


def check_finite(where: str, name: str, tensor: torch.Tensor) -> None:
    """Says so if a tensor holds NaN or infinity.

    Args:
        where: Starts the message, such as a method's name.
        name: The tensor's.
        tensor: Its values.

    Raises:
        CheckpointError: A value is not finite.
    """
    if not bool(tensor.isfinite().all()):
        raise CheckpointError(
            f"{where}: {name!r} is not finite, got {int((~tensor.isfinite()).sum())} NaN or "
            f"infinite of {tensor.numel()} values. "
            "Use a checkpoint from before the training diverged."
        )
