"""Passes over calibration speech that fit a network to another one, layer by layer."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from tts_compress.architectures.blocks import length_mask
from tts_compress.architectures.fastspeech2 import FastSpeech2
from tts_compress.architectures.following import Spoken
from tts_compress.architectures.location_attention import Attention
from tts_compress.architectures.tacotron2 import Tacotron2
from tts_compress.methods.calibration.affine import Arguments, affine_maps, kept
from tts_compress.methods.calibration.refit import AffineRefit, NormRefit

Pass = Callable[[nn.Module], object]
Positions = Callable[[str, int], Tensor]
Hook = Callable[[nn.Module, Arguments, Any], Any]
Heard = Literal["ids", "frames", "one frame", "ids at one frame"]


class Fit(Protocol):
    """How a layer is fitted: what it hears and should say is noted first.

    `listen` is called with what the layer of the reference heard and said, in each call, at the
    positions where `data` is True; then `hear` with what the layer itself does, in its own network,
    in the call of that number; then `fit` once, which changes the layer in place.
    """

    def listen(self, heard: Arguments, output: Any, data: Tensor) -> None: ...  # noqa: D102

    def hear(self, heard: Arguments, output: Any, data: Tensor, call: int) -> None: ...  # noqa: D102

    def fit(self) -> None: ...  # noqa: D102


@torch.no_grad()
def walk(
    model: nn.Module,
    reference: nn.Module,
    fits: Mapping[str, Sequence[Fit]],
    speak: Pass,
    positions: Positions,
) -> None:
    """Fits layers in the order of execution, each on what the fitted ones before it say.

    One pass fits all layers up to one that is called many times, such as a decoder's, which is
    fitted after the pass. In all passes, Tacotron2 attends to where the reference did: what its
    decoder hears is then near to the right thing while the layers before attention are not.

    Args:
        model: The network, edited in place.
        reference: The network that it should speak as, with the same layers.
        fits: How layers are fitted, by name.
        speak: Does one pass over the calibration sentences; the same for both networks.
        positions: Gives True at data and False at padding, for a layer by name and the number of
            the call: ``(batch, length)``, or ``(batch,)`` for a layer that hears one position.
    """
    calls, weights = _listen(reference, fits, speak, positions)
    for names in _segments(calls):
        counted: Counter[str] = Counter()
        hooks = _hold_attention(model, weights)
        for name in names:
            hooks[name] = _hear(name, fits[name], positions, counted, at_once=calls[name] == 1)
        with hooked(model, hooks):
            speak(model)
        if calls[names[-1]] > 1:
            for fit in fits[names[-1]]:
                fit.fit()


def refits(model: nn.Module, dense: nn.Module, ridge: float) -> dict[str, list[Fit]]:
    """Gives what there is to recalibrate of each layer; for `ridge` see `Moments.solve`."""
    found: dict[str, list[Fit]] = {}
    for name, layer in model.named_modules():
        other = dense.get_submodule(name)
        if isinstance(layer, nn.BatchNorm1d) and isinstance(other, nn.BatchNorm1d):
            found[name] = [NormRefit(layer, other)]
        for own, was in zip(affine_maps(layer), affine_maps(other), strict=True):
            left = kept(own.matrix, was.matrix)
            if own.biases or left is not None:
                found.setdefault(name, []).append(
                    AffineRefit("recalibrate", name, own, was, left, ridge)
                )
    return found


def _listen(
    reference: nn.Module, fits: Mapping[str, Sequence[Fit]], speak: Pass, positions: Positions
) -> tuple[Counter[str], dict[str, list[Tensor]]]:
    """Does the reference's pass.

    Returns:
        How often each layer was called, in the order of first calls, and the weights of each step
        of each attention.
    """
    calls: Counter[str] = Counter()
    weights: dict[str, list[Tensor]] = {}

    def listen(name: str) -> Hook:
        def hook(_: nn.Module, heard: Arguments, output: Any) -> None:
            data = positions(name, calls[name])
            calls[name] += 1
            for fit in fits[name]:
                fit.listen(heard, output, data)

        return hook

    def note(name: str) -> Hook:
        return lambda _layer, _heard, output: weights[name].append(output[1])

    hooks = {name: listen(name) for name in fits}
    for name in _attentions(reference):
        weights[name] = []
        hooks[name] = note(name)
    with hooked(reference, hooks):
        speak(reference)
    return calls, weights


def _attentions(model: nn.Module) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, Attention)]


def _segments(calls: Mapping[str, int]) -> Iterator[list[str]]:
    """Gives the layers that one pass fits: some that are called once, then one that is not.

    >>> list(_segments({"encoder": 1, "cell": 99, "gate": 99, "postnet": 1}))
    [['encoder', 'cell'], ['gate'], ['postnet']]
    """
    names: list[str] = []
    for name, times in calls.items():
        names.append(name)
        if times > 1:
            yield names
            names = []
    if names:
        yield names


def _hear(
    name: str, fits: Sequence[Fit], positions: Positions, counted: Counter[str], at_once: bool
) -> Hook:
    """Gives a hook that notes what a layer hears, and fits it then if that is to be at once.

    Of several maps of a layer, the next one then hears what the one before has become.
    """

    def hook(layer: nn.Module, heard: Arguments, output: Any) -> Any:
        call = counted[name]
        counted[name] += 1
        for fit in fits:
            fit.hear(heard, output, positions(name, call), call)
            if at_once:
                fit.fit()
        return layer.forward(*heard) if at_once else output

    return hook


def _hold_attention(model: nn.Module, weights: Mapping[str, list[Tensor]]) -> dict[str, Hook]:
    """Gives hooks that make attention read where it read in the reference."""

    def hold(steps: Iterator[Tensor]) -> Hook:
        def hook(_: nn.Module, heard: Arguments, __: Any) -> tuple[Tensor, Tensor]:
            held, memory = next(steps), heard[1]
            return torch.bmm(held[:, None], memory)[:, 0], held

        return hook

    return {name: hold(iter(weights[name])) for name in _attentions(model)}


@contextmanager
def hooked(model: nn.Module, hooks: Mapping[str, Hook]) -> Iterator[None]:
    """Has hooks called after the modules of these names; what they give replaces the output."""
    handles = [
        model.get_submodule(name).register_forward_hook(hook) for name, hook in hooks.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@dataclass(frozen=True, eq=False)
class SpokenPositions:
    """Where a padded batch of sentences holds data, as each layer of a network hears it.

    Attributes:
        ids: True at symbols, ``(batch, ids)``.
        frames: True at frames, ``(batch, frames)``.
        hears: What layers hear, by patterns of their names; the first that matches counts.
    """

    ids: Tensor
    frames: Tensor
    hears: Mapping[str, Heard]

    @classmethod
    def of(cls, model: Tacotron2 | FastSpeech2, spoken: Sequence[Spoken]) -> "SpokenPositions":
        """Gives the positions of calibration speech, beside the network."""
        device = next(model.parameters()).device

        def mask(lengths: list[int]) -> Tensor:
            return length_mask(torch.tensor(lengths, device=device), max(lengths))

        return cls(
            mask([len(speech.ids) for speech in spoken]),
            mask([n_frames(speech) for speech in spoken]),
            _HEARS_TACOTRON2 if isinstance(model, Tacotron2) else _hears_fastspeech2(model),
        )

    def __call__(self, name: str, call: int) -> Tensor:
        """Gives the positions of one call of a layer."""
        match next(what for pattern, what in self.hears.items() if fnmatchcase(name, pattern)):
            case "ids":
                return self.ids
            case "frames":
                return self.frames
            case "one frame":
                return self.frames[:, call]
            case "ids at one frame":
                return self.ids & self.frames[:, call, None]


def n_frames(speech: Spoken) -> int:
    """Frames that a network has when it follows this."""
    return speech.mel.shape[1] if speech.durations is None else int(speech.durations.sum())


_HEARS_TACOTRON2: Mapping[str, Heard] = {
    "encoder.*": "ids",
    "decoder.prenet.*": "frames",
    "decoder.attention_layer.memory_layer.*": "ids",
    "decoder.attention_layer.query_layer.*": "one frame",
    "decoder.attention_layer.*": "ids at one frame",
    "decoder.*": "one frame",
    "postnet.*": "frames",
}


def _hears_fastspeech2(model: FastSpeech2) -> Mapping[str, Heard]:
    level: Mapping[str, Heard] = {"phoneme": "ids", "frame": "frames"}
    return {
        "encoder.*": "ids",
        "variance_adaptor.duration_predictor.*": "ids",
        "variance_adaptor.pitch_predictor.*": level[model.settings.pitch_level],
        "variance_adaptor.energy_predictor.*": level[model.settings.energy_level],
        "*": "frames",
    }
