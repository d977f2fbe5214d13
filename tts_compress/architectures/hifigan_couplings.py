"""What belongs together in a HiFi-GAN generator: the channels of each stage and of each pair."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tts_compress.architectures.couplings import Coupling, Member, columns, fixed, rows

if TYPE_CHECKING:
    from tts_compress.architectures.hifigan import HifiGanSettings


def couplings(settings: "HifiGanSettings") -> tuple[Coupling, ...]:
    """Gives every coupling of a network of these settings, in the order in which it sounds."""
    return (
        Coupling(
            "conv_pre",
            "channels",
            settings.channels[0],
            (*rows("conv_pre"), _into_stage(0, settings)),
            setting=("channels", 0),
        ),
        *(c for stage in range(len(settings.upsample_rates)) for c in _stage(stage, settings)),
        fixed("mel", settings.n_mels, "mel bins are what the network hears", columns("conv_pre")),
        fixed("sound", 1, "sound has one channel", *rows("conv_post")),
    )


def _into_stage(stage: int, settings: "HifiGanSettings") -> Member:
    """Gives what reads the channels before a stage; transposed convolutions read on axis 0."""
    if stage == len(settings.upsample_rates):
        return columns("conv_post")
    return Member(f"ups.{stage}.weight", 0, "reads")


def _stage(stage: int, settings: "HifiGanSettings") -> Iterator[Coupling]:
    """Gives the residual channels of a stage, and those between the two layers of each pair."""
    members = [Member(f"ups.{stage}.weight", 1, "makes"), Member(f"ups.{stage}.bias", 0, "makes")]
    per_stage = len(settings.resblocks) // len(settings.upsample_rates)
    pairs: list[Coupling] = []
    for index in range(stage * per_stage, (stage + 1) * per_stage):
        block, name = settings.resblocks[index], f"resblocks.{index}"
        for layer in range(len(block.dilations)):
            if block.inner is None:
                members += [columns(f"{name}.convs.{layer}"), *rows(f"{name}.convs.{layer}")]
                continue
            first, second = f"{name}.convs1.{layer}", f"{name}.convs2.{layer}"
            members += [columns(first), *rows(second)]
            pairs.append(
                Coupling(
                    first,
                    "channels",
                    block.inner[layer],
                    (*rows(first), columns(second)),
                    setting=("resblocks", index, "inner", layer),
                )
            )
    members.append(_into_stage(stage + 1, settings))
    width = settings.channels[stage + 1]
    yield Coupling(
        f"ups.{stage}", "channels", width, tuple(members), setting=("channels", stage + 1)
    )
    yield from pairs
