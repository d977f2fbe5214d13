"""Layers whose weight is a product of two factors: two smaller maps, one after the other.

A weight W of ``(rows, columns)`` is U V with V ``(rank, columns)``, which hears first, and U
``(rows, rank)``: the parameters ``<weight>_v`` and ``<weight>_u``. Biases keep their names. Of an
LSTM, each of four gates may have factors of its own: then V has the ranks of all, one below the
other, and there is a ``<weight>_u_<gate>`` for each. Or both of its weights, side by side, are one:
then ``weight_u`` is U, and ``weight_ih_v`` and ``weight_hh_v`` side by side are V.

Source: Sainath et al. 2013, "Low-rank matrix factorization for deep neural network training"; Xue,
Li and Gong 2013, "Restructuring of deep neural network acoustic models with singular value
decomposition".
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from tts_compress.architectures.bidirectional_lstm import BidirectionalLSTM, backwards
from tts_compress.architectures.blocks import length_mask
from tts_compress.architectures.settings import Rank

GATES = ("i", "f", "g", "o")
"""In the order in which torch has them in a weight's rows."""

State = tuple[Tensor, Tensor]


def factor(model: nn.Module, ranks: Mapping[str, Rank]) -> None:
    """Gives weights of a network factors in their place, with values drawn at random.

    Args:
        model: The network, changed in place; all else in it stays.
        ranks: By the weight's name. That of both weights of an LSTM together is ``weight`` for
            ``weight_ih`` and ``weight_hh``, ``weight_l0`` for ``weight_ih_l0`` and
            ``weight_hh_l0``. Four ranks are those of the gates.

    Raises:
        ValueError: There is no such weight, or none that can have such factors.
    """
    for name, rank in ranks.items():
        path, _, weight = name.rpartition(".")
        try:
            layer = model.get_submodule(path)
        except AttributeError:
            raise ValueError(f"ranks: no layer has the weight {name!r}") from None
        if isinstance(layer, nn.LSTMCell):
            layer = LowRankLSTMCell(layer)
        elif isinstance(layer, BidirectionalLSTM):
            layer = LowRankBidirectionalLSTM(layer)
        if isinstance(layer, LowRankLSTM):
            layer.factor(weight, rank)
        elif type(layer) in LOW_RANK and weight == "weight" and isinstance(rank, int):
            layer = LOW_RANK[type(layer)](layer, rank)
        else:
            raise ValueError(f"ranks: {name!r} cannot have factors of rank {rank!r}")
        parent, _, child = path.rpartition(".")
        setattr(model.get_submodule(parent), child, layer)


def _drawn(like: Tensor, *shape: int) -> nn.Parameter:
    """Gives a factor beside a tensor and in its type."""
    values = torch.empty(shape, dtype=like.dtype, device=like.device)
    return nn.Parameter(nn.init.xavier_uniform_(values))


class LowRankLinear(nn.Module):
    """A linear layer of two factors, ``weight_v (rank, n_in)`` and ``weight_u (n_out, rank)``."""

    def __init__(self, layer: nn.Linear, rank: int) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.weight_v = _drawn(layer.weight, rank, layer.in_features)
        self.weight_u = _drawn(layer.weight, layer.out_features, rank)
        self.bias: Tensor | None = layer.bias

    def inner(self, x: Tensor) -> Tensor:
        """Maps ``(..., n_in)`` to ``(..., rank)``."""
        return functional.linear(x, self.weight_v)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(..., n_in)`` to ``(..., n_out)``."""
        return functional.linear(self.inner(x), self.weight_u, self.bias)


class LowRankConv1d(nn.Module):
    """A convolution to `rank` channels, and one of a single tap from these to the output.

    The parameters are ``weight_v (rank, n_in, taps)`` and ``weight_u (n_out, rank, 1)``.
    """

    def __init__(self, layer: nn.Conv1d, rank: int) -> None:
        super().__init__()
        self.in_channels, self.out_channels = layer.in_channels, layer.out_channels
        self.kernel_size, self.stride = layer.kernel_size, layer.stride
        self.padding, self.dilation = layer.padding, layer.dilation
        self.weight_v = _drawn(layer.weight, rank, *layer.weight.shape[1:])
        self.weight_u = _drawn(layer.weight, layer.out_channels, rank, 1)
        self.bias: Tensor | None = layer.bias

    def inner(self, x: Tensor) -> Tensor:
        """Maps ``(batch, n_in, frames)`` to ``(batch, rank, frames)``."""
        weight = self.weight_v
        return functional.conv1d(x, weight, None, self.stride, self.padding, self.dilation)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(batch, n_in, frames)`` to ``(batch, n_out, frames)``."""
        return functional.conv1d(self.inner(x), self.weight_u, self.bias)


class LowRankConvTranspose1d(nn.Module):
    """A convolution of a single tap to `rank` channels, and a transposed one from these.

    The parameters are ``weight_v (rank, n_in, 1)`` and ``weight_u (rank, n_out, taps)``.
    """

    def __init__(self, layer: nn.ConvTranspose1d, rank: int) -> None:
        super().__init__()
        self.in_channels, self.out_channels = layer.in_channels, layer.out_channels
        self.kernel_size, self.stride = layer.kernel_size, layer.stride
        self.padding, self.output_padding = layer.padding, layer.output_padding
        self.weight_v = _drawn(layer.weight, rank, layer.in_channels, 1)
        self.weight_u = _drawn(layer.weight, rank, *layer.weight.shape[1:])
        self.bias: Tensor | None = layer.bias

    def inner(self, x: Tensor) -> Tensor:
        """Maps ``(batch, n_in, frames)`` to ``(batch, rank, frames)``."""
        return functional.conv1d(x, self.weight_v)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(batch, n_in, frames)`` to ``(batch, n_out, samples)``."""
        inner = self.inner(x)
        padding = (int(self.padding[0]), int(self.output_padding[0]))
        return functional.conv_transpose1d(inner, self.weight_u, self.bias, self.stride, *padding)


LOW_RANK: Mapping[type[nn.Module], type[nn.Module]] = {
    nn.Linear: LowRankLinear,
    nn.Conv1d: LowRankConv1d,
    nn.ConvTranspose1d: LowRankConvTranspose1d,
}
"""Layers of one weight, and what they become."""


class LowRankLSTM(nn.Module):
    """What LSTMs share some of whose weights are factors; suffixes of names are directions.

    Attributes:
        ranks: Of each weight that is factors, by its name in this layer.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.ranks: dict[str, Rank] = {}
        for name, parameter in layer.named_parameters():
            self.register_parameter(name, parameter)

    def factor(self, weight: str, rank: Rank) -> None:
        """Gives a weight, or both of a direction, factors in its place; see `factor`.

        Raises:
            ValueError: There is no such weight, or it has factors.
        """
        both = [weight.replace("weight", f"weight_{part}", 1) for part in ("ih", "hh")]
        names = [weight] if isinstance(rank, tuple) or weight in self._parameters else both
        whole = {name: self._parameters.get(name) for name in names}
        ranks = rank if isinstance(rank, tuple) else (rank,)
        tensors = [tensor for tensor in whole.values() if tensor is not None]
        if len(tensors) < len(names) or any(tensor.dim() != 2 for tensor in tensors):
            raise ValueError(f"ranks: the LSTM has no weight {weight!r} for rank {rank!r}")
        for name, tensor in zip(names, tensors, strict=True):
            delattr(self, name)
            self.register_parameter(f"{name}_v", _drawn(tensor, sum(ranks), tensor.shape[1]))
        suffixes = [f"_{gate}" for gate in GATES] if isinstance(rank, tuple) else [""]
        rows = len(tensors[0]) // len(suffixes)
        for suffix, width in zip(suffixes, ranks, strict=True):
            self.register_parameter(f"{weight}_u{suffix}", _drawn(tensors[0], rows, width))
        self.ranks[weight] = rank

    def inner(self, name: str, x: Tensor) -> Tensor:
        """Gives what the U of a weight hears, ``(..., rank)``; x itself if the weight is whole."""
        rank = self.ranks.get(name)
        return x if rank is None else functional.linear(x, getattr(self, f"{name}_v"))

    def _times(self, name: str, x: Tensor, bias: Tensor) -> Tensor:
        """Gives the product with a weight, or with its factors, ``(..., 4 * units)``."""
        rank, inner = self.ranks.get(name), self.inner(name, x)
        if rank is None:
            return functional.linear(inner, getattr(self, name), bias)
        if isinstance(rank, int):
            return functional.linear(inner, getattr(self, f"{name}_u"), bias)
        parts = zip(GATES, torch.split(inner, list(rank), -1), strict=True)
        gates = [functional.linear(x, getattr(self, f"{name}_u_{gate}")) for gate, x in parts]
        return torch.cat(gates, -1) + bias

    def products(self, suffix: str = "") -> tuple[Tensor, Tensor]:
        """Gives weights as those of an LSTM: ``(4 * units, n_in)`` and ``(4 * units, units)``."""
        ih, hh = f"weight_ih{suffix}", f"weight_hh{suffix}"
        if f"weight{suffix}" in self.ranks:
            u = self.get_parameter(f"weight{suffix}_u")
            return u @ self.get_parameter(f"{ih}_v"), u @ self.get_parameter(f"{hh}_v")
        return self._product(ih), self._product(hh)

    def _product(self, name: str) -> Tensor:
        rank = self.ranks.get(name)
        if rank is None:
            return self.get_parameter(name)
        v = self.get_parameter(f"{name}_v")
        if isinstance(rank, int):
            return self.get_parameter(f"{name}_u") @ v
        parts = zip(GATES, torch.split(v, list(rank)), strict=True)
        return torch.cat([self.get_parameter(f"{name}_u_{gate}") @ own for gate, own in parts])

    def heard(self, x: Tensor, suffix: str = "") -> Tensor:
        """Gives what the gates hear of inputs ``(..., n_in)``: all that needs no state."""
        if f"weight{suffix}" in self.ranks:
            return functional.linear(x, getattr(self, f"weight_ih{suffix}_v"))
        return self._times(f"weight_ih{suffix}", x, getattr(self, f"bias_ih{suffix}"))

    def step(self, heard: Tensor, state: State, suffix: str = "") -> State:
        """Moves states and cells on, ``(batch, units)`` each, by what `heard` gives."""
        h, c = state
        bias = getattr(self, f"bias_hh{suffix}")
        if f"weight{suffix}" in self.ranks:
            inner = heard + functional.linear(h, getattr(self, f"weight_hh{suffix}_v"))
            own = getattr(self, f"bias_ih{suffix}")
            gates = functional.linear(inner, getattr(self, f"weight{suffix}_u"), own) + bias
        else:
            gates = heard + self._times(f"weight_hh{suffix}", h, bias)
        i, f, g, o = gates.chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


class LowRankLSTMCell(LowRankLSTM):
    """An LSTM's step with the tensor names of `torch.nn.LSTMCell`."""

    def __init__(self, layer: nn.LSTMCell) -> None:
        super().__init__(layer)
        self.input_size, self.hidden_size = layer.input_size, layer.hidden_size

    def forward(self, x: Tensor, state: State) -> State:
        """Maps ``(batch, n_in)`` and states and cells ``(batch, units)`` to the next ones."""
        return self.step(self.heard(x), state)


class LowRankBidirectionalLSTM(LowRankLSTM):
    """A bidirectional LSTM with the tensor names of `BidirectionalLSTM`."""

    def __init__(self, layer: BidirectionalLSTM) -> None:
        super().__init__(layer)
        self.units = layer.units

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Maps ``(batch, length, n_in)`` to ``(batch, length, sum(units))``, zero at padding."""
        order = backwards(lengths, x.shape[1])
        ahead = self._run(x, "_l0", self.units[0])
        back = self._run(x.take_along_dim(order, 1), "_l0_reverse", self.units[1])
        out = torch.cat((ahead, back.take_along_dim(order, 1)), 2)
        return out * length_mask(lengths, x.shape[1])[..., None]

    def _run(self, x: Tensor, suffix: str, units: int) -> Tensor:
        zeros = x.new_zeros(len(x), units)
        state, states = (zeros, zeros), []
        for heard in self.heard(x, suffix).unbind(1):
            state = self.step(heard, state, suffix)
            states.append(state[0])
        return torch.stack(states, 1)
