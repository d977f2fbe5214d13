"""Mel spectrograms, differences and alignments as small images: one pixel a frame and a band."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tts_compress.errors import ArtifactError
from tts_compress.files import replaced

DB_PER_NEPER = 20 / np.log(10)  # mels are natural logarithms of magnitudes
Mel = NDArray[np.float32]


@dataclass(frozen=True)
class Scale:
    """What the colours of one kind of image mean, the same in all of them.

    Attributes:
        low: Value of the first colour; what is below has the same.
        high: Value of the last colour; what is above has the same.
        step: Values that share a colour, in the same unit; few colours make small files.
        colormap: Name of matplotlib's colour map.
        unit: Unit of the values.
    """

    low: float
    high: float
    step: float
    colormap: str
    unit: str

    @property
    def n_colors(self) -> int:
        """How many colours there are."""
        return round((self.high - self.low) / self.step) + 1

    def indices(self, values: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Gives the number of each value's colour; what is not finite has the first.

        >>> Scale(-20, 20, 10, "RdBu_r", "dB").indices(np.array([-90.0, 0.0, 8.0, np.nan]))
        array([0, 2, 3, 0], dtype=uint8)
        """
        numbers = np.round((np.nan_to_num(values, nan=self.low) - self.low) / self.step)
        indices: NDArray[np.uint8] = np.clip(numbers, 0, self.n_colors - 1).astype(np.uint8)
        return indices

    def css(self) -> str:
        """Gives the colours from low to high as a CSS gradient, for a legend."""
        colors = _palette(self).reshape(-1, 3)
        shown = colors[np.linspace(0, len(colors) - 1, 17).round().astype(int)]
        return ", ".join(f"rgb({red} {green} {blue})" for red, green, blue in shown)


# The floor of the mels is ln 1e-5, which is -100 dB.
MEL = Scale(-100, 10, 1, "magma", "dB")
DIFFERENCE = Scale(-20, 20, 0.5, "RdBu_r", "dB")
ALIGNMENT = Scale(0, 1, 1 / 64, "viridis", "")


def write_mel(mel: Mel, path: Path) -> None:
    """Draws a mel spectrogram ``(n_mels, frames)`` of natural-log magnitudes, low bands below."""
    _write(MEL, mel[::-1] * DB_PER_NEPER, path)


def write_difference(candidate: Mel, reference: Mel, path: Path) -> None:
    """Draws by how many dB a mel spectrogram is louder (red) or softer (blue) than another.

    Args:
        candidate: Natural-log magnitudes ``(n_mels, frames)`` in the timing of the reference.
        reference: Likewise. Frames that only one of them has at its end are left out.
        path: The file to write.
    """
    frames = min(candidate.shape[1], reference.shape[1])
    difference = candidate[:, :frames] - reference[:, :frames]
    _write(DIFFERENCE, difference[::-1] * DB_PER_NEPER, path)


def write_alignment(alignment: Mel, path: Path) -> None:
    """Draws attention weights ``(frames, ids)``: time to the right, the first id below."""
    _write(ALIGNMENT, alignment.T[::-1], path)


def read_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """Gives the arrays of a run's mels; none if it has none.

    Raises:
        ArtifactError: The file is cut off or altered.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not path.is_file():
        return {}
    try:
        arrays: dict[str, NDArray[np.generic]] = load_file(path)
    except SafetensorError as error:
        raise ArtifactError(
            f"{path}: truncated or altered, got {str(error)!r}. Run the recipe again."
        ) from None
    return arrays


@cache
def _palette(scale: Scale) -> NDArray[np.uint8]:
    import matplotlib

    colors = matplotlib.colormaps[scale.colormap](np.linspace(0, 1, scale.n_colors))
    rounded: NDArray[np.uint8] = (colors[:, :3] * 255).round().astype(np.uint8).reshape(-1)
    return rounded


def _write(scale: Scale, values: NDArray[np.floating], path: Path) -> None:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(scale.indices(values)))
    image.putpalette(_palette(scale).tobytes())
    with replaced(path) as partial:
        image.save(partial, format="PNG", compress_level=6)
