"""A network whose 8-bit weights stay 8-bit: its products are those of integers.

What a layer hears is rounded to 8 bits as it comes, with one scale for each of its rows; torch
multiplies the integers exactly, and the scales of both make it a sum in float32. The networks of
`architectures` know nothing of this: layers are swapped in one that is loaded. It can then speak,
and nothing else: it has no weights to train or to save.

Source: Jacob et al. 2018, "Quantization and training of neural networks for efficient
integer-arithmetic-only inference", section 2.2; dynamic scales as torch's dynamic quantization.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional

from tts_compress.architectures.base import Architecture
from tts_compress.errors import CheckpointError
from tts_compress.quantized import Quantized, Uniform

LARGEST = 127
"""Of the integers that inputs are rounded to; they are as many on both sides of 0."""

NOT_INT8 = "not of 8 bits"

State = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Kept:
    """How a layer runs.

    Attributes:
        layer: Its name.
        n_weights: Weights of its matrices.
        why: Why it runs in float32; None if it runs in int8.
    """

    layer: str
    n_weights: int
    why: str | None


def keep_int8(model: Architecture, quantized: Mapping[str, Quantized]) -> list[Kept]:
    """Lets layers run on their 8-bit weights, in place, where that is faster than in float32.

    These are linear layers, LSTM cells and convolutions. All matrices of a layer have to be
    `Uniform` of 8 bits or fewer, with one scale for each row or for all. Where integers are
    faster was measured by ``benchmarks/keep.py`` and is a rule of shapes, so that the same file
    says the same each time: convolutions from 65,536 weights on, which have a row for each frame,
    and other layers from a million weights on, which may have a single row.

    Args:
        model: The network, on the CPU.
        quantized: What its tensors are made of, by name, as `artifact.quantized` gives it.

    Returns:
        How each layer with a matrix runs.

    Raises:
        CheckpointError: The network is not on the CPU.
    """
    for device in sorted({parameter.device.type for parameter in model.parameters()}):
        check_device(device)
    report = []
    for name, layer in list(model.named_modules()):
        matrices = {
            own: weight.numel()
            for own, weight in layer.named_parameters(recurse=False)
            if weight.requires_grad and weight.dim() > 1
        }
        if matrices:
            found = {own: quantized.get(f"{name}.{own}") for own in matrices}
            forms = {own: form for own, form in found.items() if _is_int8(form)}
            n_weights = sum(matrices.values())
            why = _why_float32(layer, n_weights, len(forms) == len(found))
            report.append(Kept(name, n_weights, why))
            if why is None:
                parent, _, child = name.rpartition(".")
                setattr(model.get_submodule(parent), child, KERNELS[type(layer)](layer, forms))
    return report


def check_device(device: str) -> None:
    """Checks that a device, as torch names it, is one on which weights can stay 8-bit.

    Raises:
        CheckpointError: It is not the CPU.
    """
    if device.partition(":")[0] != "cpu":
        raise CheckpointError(
            f"int8: runs on the CPU alone, got {device!r}. Use the cpu, or do without int8."
        )


def _why_float32(layer: nn.Module, n_weights: int, are_int8: bool) -> str | None:
    """Says why a layer does not run in int8; None if it does."""
    kernel = KERNELS.get(type(layer))
    if not are_int8:
        return NOT_INT8
    if kernel is None:
        return "no int8 kernel"
    if n_weights < kernel.at_least:
        return "too small to be faster"
    # Without these instructions torch has no quick product, and oneDNN's may overflow.
    return None if torch.cpu._is_vnni_supported() else "a CPU without VNNI"


def _is_int8(form: Quantized | None) -> TypeGuard[Uniform]:
    if not isinstance(form, Uniform) or form.scale.shape[1] != 1:
        return False
    if form.matrix().shape[1] == 1:  # for which torch's product of integers is wrong
        return False
    return bool((form.levels == form.levels.to(torch.int8)).all())


class Matrix(nn.Module):
    """A weight as integers: ``levels`` int8 ``(n_out, n_in)``, and a ``scale`` of each row.

    A weight [[1, -2]] with the scale 0.5, by [2, 4]: the input becomes [64, 127] with the scale
    4 / 127, the product is 64 - 254 = -190, and that times both scales is -2.99, where -3 is
    exact.
    """

    levels: Tensor
    scale: Tensor

    def __init__(self, levels: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("levels", levels.to(torch.int8).contiguous())
        self.register_buffer("scale", scale.flatten().expand(len(levels)).contiguous())

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Maps rows ``(rows, n_in)`` to ``(rows, n_out)``."""
        return self.product(*rounded(x), bias)

    def product(self, levels: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
        """Maps rows as integers, contiguous, with their scales ``(rows, 1)``."""
        product = torch._int_mm(levels, self.levels.t())
        return torch.addcmul(bias, product, scale * self.scale)


def rounded(x: Tensor) -> tuple[Tensor, Tensor]:
    """Rounds each row ``(..., n)`` to int8; also gives the scales, ``(..., 1)``.

    >>> levels, scale = rounded(torch.tensor([[2.0, -4.0], [0.0, 0.0]]))
    >>> levels.tolist(), (127 * scale).round(decimals=4).tolist()
    ([[64, -127], [0, 0]], [[4.0], [0.0]])
    """
    scale = x.abs().amax(-1, keepdim=True).clamp_(min=torch.finfo(x.dtype).tiny) / LARGEST
    return (x / scale).round_().to(torch.int8), scale


class Int8Linear(nn.Module):
    """A linear layer on integers."""

    at_least: ClassVar[int] = 2**20

    def __init__(self, layer: nn.Linear, forms: Mapping[str, Uniform]) -> None:
        super().__init__()
        form = forms["weight"]
        self.weight = Matrix(form.levels, form.scale)
        self.bias = _bias(layer.bias, layer.out_features)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(..., n_in)`` to ``(..., n_out)``."""
        out: Tensor = self.weight(x.flatten(0, -2), self.bias)
        return out.reshape(*x.shape[:-1], -1)


class Int8Conv1d(nn.Module):
    """A convolution on integers: a row for each frame that it gives, of all that its taps hear.

    A sentence has one scale, not each row, since rows share frames, which are rounded once.
    """

    at_least: ClassVar[int] = 2**16

    def __init__(self, layer: nn.Conv1d, forms: Mapping[str, Uniform]) -> None:
        super().__init__()
        form = forms["weight"]
        self.weight = Matrix(form.levels.transpose(1, 2).flatten(1), form.scale)
        self.bias = _bias(layer.bias, layer.out_channels)
        self.taps, self.stride = layer.kernel_size[0], layer.stride[0]
        self.padding, self.dilation = int(layer.padding[0]), layer.dilation[0]

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(batch, n_in, frames)`` to ``(batch, n_out, frames)``."""
        batch, n_in, frames = x.shape
        levels, scale = rounded(x.transpose(1, 2).reshape(batch, frames * n_in))
        padded = functional.pad(
            levels.reshape(batch, frames, n_in), (0, 0, self.padding, self.padding)
        )
        span = self.dilation * (self.taps - 1) + 1
        heard = padded.unfold(1, span, self.stride)[..., :: self.dilation].transpose(2, 3)
        # Of a view whose rows share memory, torch's product of integers would be wrong.
        rows = heard.reshape(-1, self.taps * n_in).contiguous()
        out = self.weight.product(rows, scale.repeat_interleave(heard.shape[1], 0), self.bias)
        return out.reshape(batch, heard.shape[1], -1).transpose(1, 2)


class Int8LSTMCell(nn.Module):
    """A step of an LSTM whose two products are of integers; the gates are float32."""

    at_least: ClassVar[int] = 2**20

    def __init__(self, layer: nn.LSTMCell, forms: Mapping[str, Uniform]) -> None:
        super().__init__()
        self.weight_ih = Matrix(forms["weight_ih"].levels, forms["weight_ih"].scale)
        self.weight_hh = Matrix(forms["weight_hh"].levels, forms["weight_hh"].scale)
        self.bias = nn.Parameter(_bias(layer.bias_ih, 1) + _bias(layer.bias_hh, 1))

    def forward(self, x: Tensor, state: State) -> State:
        """Maps ``(batch, n_in)`` and states and cells ``(batch, units)`` to the next ones."""
        h, c = state
        i, f, g, o = self.weight_hh(h, self.weight_ih(x, self.bias)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


def _bias(bias: Tensor | None, rows: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(rows) if bias is None else bias.detach())


KERNELS: Mapping[type[nn.Module], type[Int8Linear | Int8Conv1d | Int8LSTMCell]] = {
    nn.Linear: Int8Linear,
    nn.Conv1d: Int8Conv1d,
    nn.LSTMCell: Int8LSTMCell,
}
"""What a layer becomes."""
