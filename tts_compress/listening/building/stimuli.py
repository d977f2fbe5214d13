"""Sound as listeners get it: anchors, one loudness, nothing that clicks or tells what it is."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tts_compress.errors import AudioError, ListeningError
from tts_compress.extras import needed
from tts_compress.listening.built import Role, Stimulus

Wave = NDArray[np.float64]
"""Sound ``(samples,)`` or, of two channels, ``(samples, 2)``, in [-1, 1]."""

FADE = 0.005  # seconds
TAIL = 0.1  # seconds; longest silence that is added
CEILING = -1.0  # dB of full scale; peaks between samples come near it, and no player clips
BLOCK = 0.4  # seconds; BS.1770 measures nothing shorter
LAST_MODIFIED = 946684800  # one time for all files: when a file was made tells what is in it


def read_wav(path: Path) -> tuple[Wave, int]:
    """Gives mono sound ``(samples,)`` and its sample rate in Hz.

    Raises:
        AudioError: The file is no sound, is empty, or has more channels than one.
    """
    import soundfile

    try:
        samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioError(f"{path}: cannot be read as sound, {error}. Make it again.") from None
    if samples.shape[1] != 1 or not len(samples) or not np.isfinite(samples).all():
        raise AudioError(
            f"{path}: must be mono sound with finite samples, got shape {samples.shape}. "
            "Convert it with: ffmpeg -i in.wav -ac 1 out.wav."
        )
    return samples[:, 0], int(rate)


def resample(wave: Wave, rate: int, wanted: int) -> Wave:
    """Gives the sound at another sample rate, in Hz."""
    if rate == wanted:
        return wave
    from scipy.signal import resample_poly

    divisor = np.gcd(rate, wanted)
    return np.asarray(resample_poly(wave, wanted // divisor, rate // divisor, axis=0))


def low_pass(wave: Wave, rate: int, cutoff: float) -> Wave:
    """Gives an anchor: the sound ``(samples,)`` without what is above a frequency, and no delay.

    A Kaiser-windowed FIR of odd length, flat to 0.01 dB up to the cutoff and 59 dB down from 8/7 of
    it on, so the mask of the 3.5 kHz anchor holds: ripple 0.1 dB, 25 dB at 4 kHz, 50 dB at 4.5 kHz.
    For 7 kHz, for which no mask is given, it is the same one at twice the frequencies.

    Source: ITU-R BS.1534-3, section 5.1; its figures as two public transcripts of it quote them.

    Args:
        wave: The reference.
        rate: Its sample rate, Hz.
        cutoff: End of what passes, Hz.

    Raises:
        ListeningError: The sound has nothing above the cutoff.
    """
    from scipy.signal import fftconvolve

    return np.asarray(fftconvolve(wave, low_pass_filter(rate, cutoff), mode="same"))


def low_pass_filter(rate: int, cutoff: float) -> Wave:
    """Gives the taps of `low_pass`.

    Raises:
        ListeningError: The cutoff is too near half the sample rate.
    """
    from scipy.signal import firwin, kaiserord

    width = cutoff / 7
    if cutoff + width > rate / 2:
        raise ListeningError(
            f"anchors: {cutoff:g} Hz needs sound with a sample rate of {2 * (cutoff + width):.0f} "
            f"Hz or more, got {rate!r} Hz. Take a lower one."
        )
    length, beta = kaiserord(60, width / (rate / 2))
    return np.asarray(firwin(length | 1, cutoff + width / 2, window=("kaiser", beta), fs=rate))


def modulated_noise(wave: Wave, quality: float, chance: np.random.Generator) -> Wave:
    """Gives the sound with noise that follows it, `quality` dB below it: bad beyond doubt at 5.

    The noise is of two values, +1 and -1, and not Gaussian, so that peaks stay low.

    Source: ITU-T P.810, the modulated noise reference unit: y = x (1 + 10^(-Q/20) N).
    """
    return wave * (1 + 10 ** (-quality / 20) * chance.choice([-1.0, 1.0], len(wave)))


def loudness(wave: Wave, rate: int) -> float:
    """Gives the loudness in LUFS; minus infinity for silence.

    What is shorter than a block of the measure is measured repeated.

    Source: ITU-R BS.1770, as pyloudnorm implements it.
    """
    meter = needed("pyloudnorm", "listen").Meter(rate, block_size=BLOCK)
    times = int(np.ceil(BLOCK * rate / len(wave))) + 1 if len(wave) < BLOCK * rate else 1
    whole = np.concatenate([wave] * times)
    with np.errstate(divide="ignore"):
        return float(meter.integrated_loudness(whole))


@dataclass(frozen=True, eq=False)
class Sound:
    """A sound before it is made as loud as the others; copies of it share one measurement.

    Attributes:
        load: Gives the sound; it is not kept, since a test can hold hours.
        rate: Its sample rate, Hz.
    """

    load: Callable[[], Wave]
    rate: int

    @cached_property
    def levels(self) -> tuple[float, float]:
        """Loudness in LUFS, and the loudness in LUFS at which it would clip."""
        wave = self.load()
        measured = loudness(wave, self.rate)
        return measured, measured + CEILING - 20 * float(np.log10(np.abs(wave).max() + 1e-12))


@dataclass
class Sounds:
    """The sounds of a test: collected first, then written at one loudness.

    Attributes:
        rate: Sample rate of all, Hz.
        chance: Names, silence at ends and dither come from it.
    """

    rate: int
    chance: np.random.Generator = field(default_factory=np.random.default_rng)
    _sounds: dict[str, tuple[Sound, str, Role, int | None]] = field(default_factory=dict)

    def add(self, sound: Sound, system: str, role: Role, sentence: int | None = None) -> str:
        """Takes one stimulus, and gives its id."""
        id = secrets.token_hex(8)
        self._sounds[id] = (sound, system, role, sentence)
        return id

    def loudness(self, wanted: float) -> tuple[float, str]:
        """Gives the loudness that all can have, LUFS, and the system that sets it if it is lower.

        One rule for all: if one would clip, every one is made less loud.
        """
        limits = [
            (sound.levels[1], system)
            for sound, system, _, _ in self._sounds.values()
            if np.isfinite(sound.levels[1])
        ]
        lowest, system = min(limits, default=(wanted, ""))
        return (lowest, system) if lowest < wanted else (wanted, "")

    def silent(self) -> list[str]:
        """Gives the systems of which a sound is too quiet to be measured."""
        found = (s for sound, s, _, _ in self._sounds.values() if not np.isfinite(sound.levels[0]))
        return sorted(set(found))

    def write(self, folder: Path, target: float) -> tuple[Stimulus, ...]:
        """Writes ``<id>.wav`` of every stimulus at this loudness, LUFS; silence stays silence."""
        folder.mkdir()
        return tuple(self._write(folder, id, target) for id in sorted(self._sounds))

    def _write(self, folder: Path, id: str, target: float) -> Stimulus:
        sound, system, role, sentence = self._sounds[id]
        measured, _ = sound.levels
        gain = target - measured if np.isfinite(measured) else 0.0
        wave = finished(sound.load() * 10 ** (gain / 20), self.rate, self.chance)
        write_wav(folder / f"{id}.wav", wave, self.rate)
        seconds = round(len(wave) / self.rate, 4)
        return Stimulus(id=id, system=system, role=role, sentence=sentence, seconds=seconds)


def finished(wave: Wave, rate: int, chance: np.random.Generator) -> NDArray[np.int16]:
    """Gives 16-bit samples that fade in and out, and end in a silence of random length.

    The silence and the dither, which is triangular and one step wide, make two copies of one sound
    differ in length and in bytes, and in nothing that can be heard.
    """
    tail = np.zeros((int(chance.uniform(0, TAIL) * rate), *wave.shape[1:]))
    whole = np.concatenate([faded(wave, rate), tail]) * 32767
    dither = chance.uniform(-0.5, 0.5, whole.shape) + chance.uniform(-0.5, 0.5, whole.shape)
    return np.clip(np.rint(whole + dither), -32768, 32767).astype(np.int16)


def faded(wave: Wave, rate: int) -> Wave:
    """Gives the sound with half a cosine of 5 ms at each end."""
    length = min(int(FADE * rate), len(wave) // 2)
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(length) / max(1, length))
    factors = np.concatenate([rise, np.ones(len(wave) - 2 * length), rise[::-1]])
    shaped: Wave = factors.reshape(-1, *[1] * (wave.ndim - 1))
    return wave * shaped


def write_wav(path: Path, samples: NDArray[np.int16], rate: int) -> None:
    """Writes a wav file of a header and samples alone; its time tells nothing."""
    from scipy.io import wavfile

    wavfile.write(path, rate, samples)
    os.utime(path, (LAST_MODIFIED, LAST_MODIFIED))
