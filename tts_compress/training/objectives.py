"""What training minimises: one function for each architecture, from a batch to named losses."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tts_compress.architectures.blocks import length_mask
from tts_compress.architectures.fastspeech2 import FastSpeech2
from tts_compress.architectures.low_rank import LowRankLSTMCell
from tts_compress.architectures.tacotron2 import Tacotron2
from tts_compress.training.batches import Batch

Losses = dict[str, Tensor]
ATTENTION_SHARE = 0.2  # of the frames teach the attention
OWN_SHARE = 0.5  # of the input frames come from the network itself, once warm
MEAN_SHARE = 0.2  # of the input frames are replaced by the mean mel
LAG_SHARE = 0.3  # of those frames, attention remembers itself as it was 0 to MAX_LAG frames before
MAX_LAG = 3  # frames
GATE_WEIGHT = 5.0  # of a sentence's one last frame, beside all that are not


def fastspeech2_losses(model: FastSpeech2, batch: Batch, progress: float) -> Losses:
    """L1 of both mels, and squared errors of pitch, energy and log duration at each symbol.

    Where the network hears pitch or energy frame by frame, their errors are those at each frame.

    Source: ming024/FastSpeech2, model/loss.py.
    """
    del progress  # nothing changes on the way
    out = model(
        batch.ids,
        batch.id_lengths,
        durations=batch.frames,
        pitch=batch.pitch,
        energy=batch.energy,
    )
    symbols = length_mask(batch.id_lengths, batch.ids.shape[1])
    frames = length_mask(batch.mel_lengths, batch.mels.shape[2])
    at = {"phoneme": symbols, "frame": frames}

    def squared(predicted: Tensor, true: Tensor, mask: Tensor) -> Tensor:
        return (predicted - true)[mask].square().mean()

    return {
        "mel": _l1(out.mel, batch.mels, frames[:, None]),
        "postnet": _l1(out.mel_postnet, batch.mels, frames[:, None]),
        "pitch": squared(out.pitch, batch.pitch, at[model.settings.pitch_level]),
        "energy": squared(out.energy, batch.energy, at[model.settings.energy_level]),
        "duration": squared(out.log_durations, torch.log1p(batch.frames.float()), symbols),
    }


def _l1(predicted: Tensor, true: Tensor, mask: Tensor) -> Tensor:
    return ((predicted.float() - true).abs() * mask).sum() / (mask.sum() * true.shape[1])


def tacotron2_losses(model: Tacotron2, batch: Batch, progress: float) -> Losses:
    """L1 of both mels, cross-entropies of gate and attention, with the alignment known.

    Since the alignment is known, what attention reads is known before the recurrence runs, and
    both decoder LSTMs run over whole sentences with the weights of their cells. Attention itself
    learns its weights by cross-entropy against the alignment on a share of the frames. There its
    memory of where it was lags by a few frames at times, so that it learns to catch up.

    Source: Shen et al. 2018, "Natural TTS synthesis by conditioning WaveNet on mel spectrogram
    predictions", for the network and its losses of mel and gate.
    """
    data = length_mask(batch.id_lengths, batch.ids.shape[1])
    x = model.embedding(batch.ids)
    memory = model.encoder(x, batch.id_lengths, data.to(x.dtype)).float()
    alignment = batch.attention
    if alignment is None:
        alignment = soft_alignment(batch.frames, batch.mels.shape[2])
    context = alignment @ memory
    inputs = _delayed(batch.mels)
    if model.training:
        inputs = _less_certain(model, batch.mels, context, progress)
    mel, gates, query = _decode(model, inputs, context)
    frames = length_mask(batch.mel_lengths, batch.mels.shape[2])
    mask = frames[:, None]
    mel = mel * mask
    post = mel + model.postnet(mel, mask.to(mel.dtype)).float()
    return {
        "mel": _l1(mel, batch.mels, mask),
        "postnet": _l1(post, batch.mels, mask),
        "gate": _gate_loss(gates, batch.mel_lengths, frames),
        "attention": _attention_loss(model, query, memory, alignment, data, frames),
    }


def _delayed(mels: Tensor) -> Tensor:
    """Gives the frame before each frame of ``(batch, n_mels, frames)``, frames second."""
    return functional.pad(mels, (1, -1)).transpose(1, 2)


def _less_certain(model: Tacotron2, mels: Tensor, context: Tensor, progress: float) -> Tensor:
    """Gives the frame before each frame, but not always, since synthesis hears no true frame.

    Part come from a first pass of the network, more of them while `progress` (the fraction of the
    steps done) goes to a fifth; part are the mean frame of the padded batch, which says nothing.

    Source: Duckworth et al. 2019, "Parallel scheduled sampling".
    """
    inputs = _delayed(mels)
    with torch.no_grad():
        own = _delayed(_decode(model, inputs, context)[0])
    mixed = torch.where(_drawn(inputs, OWN_SHARE * min(1.0, 5 * progress)), own, inputs)
    return torch.where(_drawn(inputs, MEAN_SHARE), mels.mean((0, 2)), mixed)


def _gate_loss(logits: Tensor, lengths: Tensor, frames: Tensor) -> Tensor:
    """Cross-entropy of "this is the last frame"; `frames` is True at data, ``(batch, frames)``."""
    last = functional.one_hot(lengths - 1, frames.shape[1]).to(logits.dtype)
    weight = torch.tensor(GATE_WEIGHT, device=logits.device)
    return functional.binary_cross_entropy_with_logits(
        logits[frames], last[frames], pos_weight=weight
    )


def _drawn(like: Tensor, share: float) -> Tensor:
    """Draws a share of the frames of ``(batch, frames, n_mels)``, as ``(batch, frames, 1)``."""
    return torch.rand(like.shape[:2], device=like.device)[..., None] < share


def soft_alignment(frames: Tensor, longest: int) -> Tensor:
    """Gives the attention that durations imply, ``(batch, longest, ids)``.

    It moves from symbol to symbol within three frames, and looks back only. Were a symbol hinted
    at before its first frame, the network would learn to wait for a hint that its own attention
    never gives, and would linger on every symbol.

    Args:
        frames: Frames of each symbol, ``(batch, ids)``.
        longest: Frames to give; well after a sentence's end nothing is attended to.

    >>> soft_alignment(torch.tensor([[1, 3]]), 4)[0].tolist()
    [[1.0, 0.0], [0.3333333432674408, 0.6666666865348816], [0.25, 0.75], [0.0, 1.0]]
    """
    ends = frames.cumsum(1)[:, None]
    time = torch.arange(longest, device=frames.device)[None, :, None]
    hard = ((time < ends) & (time >= ends - frames[:, None])).float()
    one_back = functional.pad(hard, (0, 0, 1, 0))[:, :-1]
    two_back = functional.pad(hard, (0, 0, 2, 0))[:, :-2]
    blurred = 0.5 * hard + 0.25 * (one_back + two_back)
    return blurred / blurred.sum(2, keepdim=True).clamp(min=1e-6)


def _lstm(cell: nn.LSTMCell | LowRankLSTMCell, x: Tensor) -> Tensor:
    """Runs a cell over ``(batch, frames, n_in)`` at once, with the cell's own weights."""
    device = x.device.type
    low = torch.is_autocast_enabled(device)
    dtype = torch.get_autocast_dtype(device) if low else x.dtype
    if isinstance(cell, LowRankLSTMCell):
        weights = [*cell.products(), cell.get_parameter("bias_ih"), cell.get_parameter("bias_hh")]
    else:
        weights = [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]
    zeros = torch.zeros(1, len(x), cell.hidden_size, device=x.device, dtype=dtype)
    with torch.autocast(device, enabled=False):
        out, _, _ = torch.lstm(
            x.to(dtype),
            [zeros, zeros],
            [weight.to(dtype) for weight in weights],
            True,
            1,
            0.0,
            cell.training,
            False,
            True,
        )
    return out.float()


def _decode(model: Tacotron2, inputs: Tensor, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Decodes every frame at once, reading known contexts.

    Args:
        model: The network.
        inputs: The frame before each frame, ``(batch, frames, n_mels)``.
        context: What attention reads at each frame, ``(batch, frames, memory_dim)``.

    Returns:
        Mel ``(batch, n_mels, frames)``, gate logits ``(batch, frames)``, and the queries of
        attention ``(batch, frames, attention_rnn_units)``.
    """
    decoder, settings = model.decoder, model.settings
    keep = [
        (torch.rand(*inputs.shape[:2], units, device=inputs.device) < 0.5).to(inputs.dtype) * 2
        for units in settings.prenet_units
    ]
    frame = decoder.prenet(inputs, keep).float()
    before = functional.pad(context, (0, 0, 1, 0))[:, :-1]
    query = _lstm(decoder.attention_rnn, torch.cat((frame, before), 2))
    query = functional.dropout(query, 0.1, model.training)
    hidden = _lstm(decoder.decoder_rnn, torch.cat((query, context), 2))
    hidden = functional.dropout(hidden, 0.1, model.training)
    said = torch.cat((hidden, context), 2)
    mel = decoder.linear_projection(said).float().transpose(1, 2)
    return mel, decoder.gate_layer(said)[..., 0].float(), query


def _attention_loss(
    model: Tacotron2, query: Tensor, memory: Tensor, alignment: Tensor, data: Tensor, frames: Tensor
) -> Tensor:
    """Cross-entropy of attention against the alignment, on frames drawn for the whole batch.

    Args:
        model: The network.
        query: Queries, ``(batch, frames, attention_rnn_units)``.
        memory: The encoder's output, ``(batch, ids, memory_dim)``.
        alignment: Weights to learn, ``(batch, frames, ids)``.
        data: True at symbols, ``(batch, ids)``.
        frames: True at frames, ``(batch, frames)``.
    """
    batch, longest, ids = alignment.shape
    drawn = torch.randperm(longest, device=query.device)[: max(1, int(ATTENTION_SHARE * longest))]
    lag = torch.randint(0, MAX_LAG + 1, (batch, len(drawn)), device=query.device)
    lagging = torch.rand(batch, len(drawn), device=query.device) < LAG_SHARE * model.training
    earlier = drawn - 1 - lag * lagging
    index = earlier.clamp(min=0)[..., None].expand(-1, -1, ids)
    started = (earlier >= 0)[..., None]
    past = torch.stack(
        (
            alignment.gather(1, index) * started,
            alignment.cumsum(1).gather(1, index) * started,
        ),
        2,
    )
    layer = model.decoder.attention_layer
    location = layer.location_layer(past.flatten(0, 1)).unflatten(0, (batch, len(drawn)))
    keys = layer.memory_layer(memory)[:, None]
    hidden = torch.tanh(layer.query_layer(query[:, drawn])[:, :, None] + location + keys)
    energies = layer.v(hidden)[..., 0].float().masked_fill(~data[:, None], -1e4)
    cross = -(alignment[:, drawn] * torch.log_softmax(energies, 2)).sum(2)
    valid = frames[:, drawn]
    return (cross * valid).sum() / valid.sum()


OBJECTIVES: dict[str, Callable[..., Losses]] = {
    "fastspeech2": fastspeech2_losses,
    "tacotron2": tacotron2_losses,
}
