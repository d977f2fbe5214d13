"""What belongs together in a FastSpeech2: heads, channels, and the residual stream."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tts_compress.architectures.couplings import (
    Constant,
    Coupling,
    Member,
    batch_norm,
    columns,
    conv_stack,
    fixed,
    rows,
)

if TYPE_CHECKING:
    from tts_compress.architectures.fastspeech2 import FastSpeech2Settings

ADAPTOR = "variance_adaptor"
PREDICTORS = ("duration", "pitch", "energy")


def couplings(settings: "FastSpeech2Settings") -> tuple[Coupling, ...]:
    """Gives every coupling of a network of these settings, in the order in which it speaks."""
    return (
        _hidden(settings),
        *_stack("encoder", settings),
        *(coupling for name in PREDICTORS for coupling in _predictor(name, settings)),
        *_stack("decoder", settings),
        *conv_stack(
            "postnet.convolutions",
            settings.postnet_channels,
            "postnet_channels",
            (columns(f"{_last(settings)}.0.conv"),),
            "tanh",
        ),
        *_fixed(settings),
    )


def _last(settings: "FastSpeech2Settings") -> str:
    return f"postnet.convolutions.{len(settings.postnet_channels)}"


def _blocks(settings: "FastSpeech2Settings") -> Iterator[str]:
    for stack in ("encoder", "decoder"):
        for index in range(len(getattr(settings, stack))):
            yield f"{stack}.layer_stack.{index}"


def _hidden(settings: "FastSpeech2Settings") -> Coupling:
    """Gives the residual stream: every block adds to the same features, and reads them."""
    members = [
        Member("encoder.src_word_emb.weight", 1, "makes"),
        Member("encoder.position_enc", 2, "makes"),
        Member("decoder.position_enc", 2, "makes"),
    ]
    for block in _blocks(settings):
        attention, ffn = f"{block}.slf_attn", f"{block}.pos_ffn"
        members += [columns(f"{attention}.{name}") for name in ("w_qs", "w_ks", "w_vs")]
        members += [*rows(f"{attention}.fc"), *rows(f"{attention}.layer_norm")]
        members += [columns(f"{ffn}.w_1"), *rows(f"{ffn}.w_2"), *rows(f"{ffn}.layer_norm")]
    members += [
        columns(f"{ADAPTOR}.{name}_predictor.conv_layer.conv1d_1.conv") for name in PREDICTORS
    ]
    members += [Member(f"{ADAPTOR}.{name}_embedding.weight", 1, "makes") for name in PREDICTORS[1:]]
    if settings.n_speakers:
        members.append(Member("speaker_emb.weight", 1, "makes"))
    members.append(columns("mel_linear"))
    return Coupling(
        "hidden", "units", settings.hidden, tuple(members), setting=("hidden",), normalised=True
    )


def _stack(stack: str, settings: "FastSpeech2Settings") -> Iterator[Coupling]:
    for index, block in enumerate(getattr(settings, stack)):
        attention = f"{stack}.layer_stack.{index}.slf_attn"
        value, *steering = (rows(f"{attention}.{name}", block.head_dim) for name in HEAD)
        yield Coupling(
            attention,
            "heads",
            block.heads,
            (
                *value,
                *(
                    Member(member.tensor, 0, "steers", size=block.head_dim)
                    for pair in steering
                    for member in pair
                ),
                columns(f"{attention}.fc", size=block.head_dim),
            ),
            setting=(stack, index, "heads"),
            constant=Constant(
                f"{attention}.w_vs.weight",
                f"{attention}.w_vs.bias",
                "linear",
                {f"{attention}.fc.weight": f"{attention}.fc.bias"},
            ),
        )
        ffn = f"{stack}.layer_stack.{index}.pos_ffn"
        into = {f"{ffn}.w_2.weight": f"{ffn}.w_2.bias"} if settings.kernels[1] == 1 else {}
        yield Coupling(
            ffn,
            "channels",
            block.filter,
            (*rows(f"{ffn}.w_1"), columns(f"{ffn}.w_2")),
            setting=(stack, index, "filter"),
            constant=Constant(f"{ffn}.w_1.weight", f"{ffn}.w_1.bias", "relu", into),
        )


HEAD = ("w_vs", "w_qs", "w_ks")


def _predictor(name: str, settings: "FastSpeech2Settings") -> Iterator[Coupling]:
    predictor = f"{ADAPTOR}.{name}_predictor"
    layers = f"{predictor}.conv_layer"
    readers = (f"{layers}.conv1d_2.conv", f"{predictor}.linear_layer")
    for index, reader in enumerate(readers):
        layer, norm = f"{layers}.conv1d_{index + 1}", f"{layers}.layer_norm_{index + 1}"
        yield Coupling(
            layer,
            "channels",
            getattr(settings, f"{name}_filters")[index],
            (*rows(f"{layer}.conv"), *rows(norm), columns(reader)),
            setting=(f"{name}_filters", index),
            normalised=True,
        )


def _fixed(settings: "FastSpeech2Settings") -> Iterator[Coupling]:
    last = _last(settings)
    yield fixed(
        "mel",
        settings.n_mels,
        "mel bins are the sound that is left",
        *rows("mel_linear"),
        columns("postnet.convolutions.0.0.conv"),
        *rows(f"{last}.0.conv"),
        *batch_norm(f"{last}.1"),
    )
    reads = "symbols are what the network reads"
    yield fixed("symbols", settings.n_symbols, reads, Member(_EMBEDDING, 0, "makes"))
    for stack in ("encoder", "decoder"):
        table = Member(f"{stack}.position_enc", 1, "makes")
        yield fixed(f"{stack}.positions", settings.n_positions, "positions are time", table)
    for name in PREDICTORS:
        why = f"{name} is one number"
        yield fixed(name, 1, why, *rows(f"{ADAPTOR}.{name}_predictor.linear_layer"))
    for name, bins in (("pitch", settings.pitch_bins), ("energy", settings.energy_bins)):
        why = f"bins are the values that {name} takes"
        embedding = Member(f"{ADAPTOR}.{name}_embedding.weight", 0, "makes")
        yield fixed(f"{ADAPTOR}.{name}_embedding", bins, why, embedding)
        edges = Member(f"{ADAPTOR}.{name}_bins", 0, "makes")
        yield fixed(f"{ADAPTOR}.{name}_bins", bins - 1, why, edges)
    if settings.n_speakers:
        speakers = Member("speaker_emb.weight", 0, "makes")
        yield fixed("speakers", settings.n_speakers, "speakers are chosen by the user", speakers)


_EMBEDDING = "encoder.src_word_emb.weight"
