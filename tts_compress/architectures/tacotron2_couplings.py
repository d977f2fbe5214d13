"""What belongs together in a Tacotron2: channels, LSTM units, and the widths between them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from tts_compress.architectures.couplings import (
    Coupling,
    Member,
    batch_norm,
    columns,
    conv_stack,
    fixed,
    rows,
)

if TYPE_CHECKING:
    from tts_compress.architectures.tacotron2 import Tacotron2Settings

ATTENTION = "decoder.attention_layer"
INTO_LSTM = {
    f"encoder.lstm.weight_ih_l0{suffix}": f"encoder.lstm.bias_ih_l0{suffix}"
    for suffix in ("", "_reverse")
}
SAID = ("decoder.linear_projection.linear_layer", "decoder.gate_layer.linear_layer")


def couplings(settings: "Tacotron2Settings") -> tuple[Coupling, ...]:
    """Gives every coupling of a network of these settings, in the order in which it speaks."""
    return (*_encoder(settings), *_prenet(settings), *_decoder(settings), *_sound(settings))


def _encoder(settings: "Tacotron2Settings") -> Iterator[Coupling]:
    stack = "encoder.convolutions"
    yield Coupling(
        "embedding",
        "units",
        settings.embedding_dim,
        (Member("embedding.weight", 1, "makes"), columns(f"{stack}.0.0.conv")),
        setting=("embedding_dim",),
    )
    *others, last = conv_stack(
        stack,
        settings.encoder_channels,
        "encoder_channels",
        (
            Member("encoder.lstm.weight_ih_l0", 1, "reads"),
            Member("encoder.lstm.weight_ih_l0_reverse", 1, "reads"),
        ),
        "relu",
    )
    yield from others
    if last.constant:
        yield replace(last, constant=replace(last.constant, into=INTO_LSTM))
    for index, (direction, suffix) in enumerate((("forward", ""), ("backward", "_reverse"))):
        offset = index * settings.encoder_lstm_units[0]
        yield Coupling(
            f"encoder.lstm.{direction}",
            "units",
            settings.encoder_lstm_units[index],
            (*_lstm("encoder.lstm", f"_l0{suffix}"), *_memory_readers(settings, offset)),
            setting=("encoder_lstm_units", index),
        )


def _lstm(layer: str, suffix: str = "") -> tuple[Member, ...]:
    """Gives the four gates of each unit and the columns by which the layer reads itself."""
    made = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return (
        *(Member(f"{layer}.{name}{suffix}", 0, "makes", repeats=4) for name in made),
        Member(f"{layer}.weight_hh{suffix}", 1, "reads"),
    )


def _memory_readers(settings: "Tacotron2Settings", offset: int) -> tuple[Member, ...]:
    """Gives all that reads the memory, or the context, which is made of the same units."""
    return (
        columns(f"{ATTENTION}.memory_layer.linear_layer", offset),
        Member("decoder.attention_rnn.weight_ih", 1, "reads", settings.prenet_dim + offset),
        Member("decoder.decoder_rnn.weight_ih", 1, "reads", settings.attention_rnn_units + offset),
        *(columns(layer, settings.decoder_rnn_units + offset) for layer in SAID),
    )


def _prenet(settings: "Tacotron2Settings") -> Iterator[Coupling]:
    for index, width in enumerate(settings.prenet_units):
        layer = f"decoder.prenet.layers.{index}"
        reader = Member("decoder.attention_rnn.weight_ih", 1, "reads")
        if index + 1 < len(settings.prenet_units):
            reader = columns(f"decoder.prenet.layers.{index + 1}.linear_layer")
        members = (Member(f"{layer}.linear_layer.weight", 0, "makes"), reader)
        yield Coupling(layer, "units", width, members, setting=("prenet_units", index))


def _decoder(settings: "Tacotron2Settings") -> Iterator[Coupling]:
    yield Coupling(
        "decoder.attention_rnn",
        "units",
        settings.attention_rnn_units,
        (
            *_lstm("decoder.attention_rnn"),
            columns(f"{ATTENTION}.query_layer.linear_layer"),
            Member("decoder.decoder_rnn.weight_ih", 1, "reads"),
        ),
        setting=("attention_rnn_units",),
    )
    made = ("query_layer", "memory_layer", "location_layer.location_dense")
    yield Coupling(
        ATTENTION,
        "units",
        settings.attention_dim,
        (
            *(Member(f"{ATTENTION}.{name}.linear_layer.weight", 0, "makes") for name in made),
            columns(f"{ATTENTION}.v.linear_layer"),
        ),
        setting=("attention_dim",),
    )
    location = f"{ATTENTION}.location_layer"
    yield Coupling(
        f"{location}.location_conv",
        "channels",
        settings.location_filters,
        (
            Member(f"{location}.location_conv.conv.weight", 0, "makes"),
            columns(f"{location}.location_dense.linear_layer"),
        ),
        setting=("location_filters",),
    )
    yield Coupling(
        "decoder.decoder_rnn",
        "units",
        settings.decoder_rnn_units,
        (*_lstm("decoder.decoder_rnn"), *(columns(layer) for layer in SAID)),
        setting=("decoder_rnn_units",),
    )


def _sound(settings: "Tacotron2Settings") -> Iterator[Coupling]:
    """Gives the postnet, and what cannot leave."""
    stack, depth = "postnet.convolutions", len(settings.postnet_channels)
    last = f"{stack}.{depth}"
    yield from conv_stack(
        stack, settings.postnet_channels, "postnet_channels", (columns(f"{last}.0.conv"),), "tanh"
    )
    first = "decoder.prenet.layers.0.linear_layer"
    heard = columns(first) if settings.prenet_units else None
    yield fixed(
        "mel",
        settings.n_mels,
        "mel bins are the sound that is left",
        *rows(SAID[0]),
        *((heard,) if heard else (Member("decoder.attention_rnn.weight_ih", 1, "reads"),)),
        columns(f"{stack}.0.0.conv"),
        *rows(f"{last}.0.conv"),
        *batch_norm(f"{last}.1"),
    )
    yield fixed(
        "symbols",
        settings.n_symbols,
        "symbols are what the network reads",
        Member("embedding.weight", 0, "makes"),
    )
    yield fixed("gate", 1, "the gate ends a sentence", *rows(SAID[1]))
    yield fixed(
        f"{ATTENTION}.v",
        1,
        "attention has one score for each symbol",
        Member(f"{ATTENTION}.v.linear_layer.weight", 0, "makes"),
    )
    yield fixed(
        f"{ATTENTION}.weights",
        2,
        "attention looks at where it was, and where it has been",
        columns(f"{ATTENTION}.location_layer.location_conv.conv"),
    )
