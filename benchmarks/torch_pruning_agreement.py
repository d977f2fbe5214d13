"""Structured pruning beside Torch-Pruning, on the same network.

    pip install torch-pruning==1.6.1
    python benchmarks/torch_pruning_agreement.py

FastSpeech2's feed-forward channels by the same criterion (L2 over all weights that leave with a
channel): the kept sets of both, and what both resized blocks say. Then a unit of an LSTM, which
Torch-Pruning knows as `prune_lstm_out_channels`.
"""

import copy
import warnings
from pathlib import Path

import torch
import torch_pruning as tp
from torch import nn

from tts_compress import load_model
from tts_compress.methods import Channels, Resize
from tts_compress.methods.base import Context
from tts_compress.methods.masking import mask
from tts_compress.methods.rebuilding.cutting import resized

VOICES = Path(__file__).parents[1] / "models"
SPARSITIES = (0.25, 0.5, 0.75)


class Block(nn.Module):
    """A feed-forward block as Torch-Pruning traces it, with one input."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x):
        return self.block(x, x.new_ones(x.shape[:2]))


def theirs(block: nn.Module, hidden: int, sparsity: float) -> tuple[set[int], nn.Module]:
    """Gives the channels that Torch-Pruning keeps of a feed-forward block, and its block."""
    wrapped = Block(copy.deepcopy(block))
    example = torch.randn(1, 20, hidden)
    graph = tp.DependencyGraph().build_dependency(wrapped, example_inputs=example)
    width = wrapped.block.w_1.out_channels
    group = graph.get_pruning_group(
        wrapped.block.w_1, tp.prune_conv_out_channels, idxs=list(range(width))
    )
    importance = tp.importance.GroupMagnitudeImportance(p=2, normalizer=None)(group)
    leaving = torch.argsort(importance, stable=True)[: int(sparsity * width)].tolist()
    graph.get_pruning_group(wrapped.block.w_1, tp.prune_conv_out_channels, idxs=leaving).prune()
    return set(range(width)) - set(leaving), wrapped


def channels() -> None:
    dense = load_model(VOICES / "fastspeech2-slt")
    for sparsity in SPARSITIES:
        model, context = copy.deepcopy(dense), Context()
        Channels(sparsity=sparsity, include=("ffn",))(model, context)
        kept = {name: (~units).nonzero()[:, 0].tolist() for name, units in context.removed.items()}
        Resize()(model, context)
        same, furthest = 0, 0.0
        for name, ours in kept.items():
            block = dense.get_submodule(name)
            peers, wrapped = theirs(block, dense.settings.hidden, sparsity)
            same += set(ours) == peers
            x = torch.randn(1, 50, dense.settings.hidden)
            difference = model.get_submodule(name)(x, x.new_ones(1, 50)) - wrapped(x)
            furthest = max(furthest, float(difference.detach().abs().max()))
        print(
            f"FastSpeech2 feed-forward channels, sparsity {sparsity}: {same} of {len(kept)} layers "
            f"keep the same channels; outputs differ by {furthest:.1e} at most"
        )


def lstm() -> None:
    dense = load_model(VOICES / "tacotron2-slt")
    cell = dense.decoder.decoder_rnn
    layer = nn.LSTM(cell.input_size, cell.hidden_size, batch_first=True)
    layer.load_state_dict({f"{name}_l0": t for name, t in cell.state_dict().items()})
    x = torch.randn(1, 10, cell.input_size)
    leaving = list(range(cell.hidden_size // 3))
    try:
        tp.pruner.function.prune_lstm_out_channels(layer, leaving)
        shapes = {name: tuple(p.shape) for name, p in layer.named_parameters()}
        print(f"Torch-Pruning, a third of {cell.hidden_size} units of an LSTM: {shapes}")
        said = layer(x)[0]
        print(f"  then it says {tuple(said.shape)}")
    except Exception as error:
        print(
            f"Torch-Pruning, the LSTM fails: {type(error).__name__}: {str(error).splitlines()[0]}"
        )
    coupling = next(c for c in dense.couplings() if c.name == "decoder.decoder_rnn")
    units = torch.zeros(coupling.n_units, dtype=torch.bool)
    units[leaving] = True
    mask(dense.state_dict(), coupling, units)
    smaller = resized(dense, {coupling.name: units})
    shapes = {n: tuple(p.shape) for n, p in smaller.decoder.decoder_rnn.named_parameters()}
    ids, lengths = torch.tensor([[90, 101, 120, 99]]), torch.tensor([4])
    before, after = (m.infer(ids, lengths, prenet_dropout=False) for m in (dense, smaller))
    difference = float((before.mel - after.mel).abs().max())
    print(f"ours: {shapes}; free-running speech differs from masked by {difference:.1e}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    channels()  # Torch-Pruning traces by gradients
    with torch.no_grad():
        lstm()
