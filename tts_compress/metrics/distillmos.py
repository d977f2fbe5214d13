"""The network Distill-MOS, so that its published weights run without the packages around them.

Its package imports torchaudio, which it needs for reading files only and which must fit the
version of torch. Names of modules are those of the weights.

Source: Stahl and Gamper 2025, "Distillation and pruning for scalable self-supervised
representation-based speech quality assessment"; microsoft/Distill-MOS `sqa.py`, MIT licence.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

WINDOW, HOP = 320, 160
CHANNELS = (2, 64, 64, 128, 256, 256, 256)
N_BANDS = 4  # of 161, after one convolution of stride 1 and five of stride 2
DIM = 200
SEGMENT = 122880  # samples, 7.68 s
FRAMES = 384
MAX_STEP = 16000  # samples from one segment to the next


class DistillMosNetwork(nn.Module):
    """Convolutions over a spectrogram, a transformer, and a weighted mean over time."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise(CHANNELS)):
            stride = (1 if number == 0 else 2, 2 if number == len(CHANNELS) - 2 else 1)
            layers += [nn.Conv2d(before, after, 3, stride, padding=(0, 1)), nn.LeakyReLU(0.1)]
        self.cnn = nn.ModuleDict({"cnn": nn.Sequential(*layers)})
        features = CHANNELS[-1] * N_BANDS
        layer = nn.TransformerEncoderLayer(DIM, 8, 2 * DIM, batch_first=True)
        position = nn.Module()
        position.register_buffer("pe", torch.zeros(1, FRAMES, DIM))
        transformer = {
            "norm": nn.BatchNorm1d(features),
            "position_encoding": position,
            "linear_proj": nn.Linear(features, DIM),
            "transformer_encoder": nn.TransformerEncoder(layer, 7),
        }
        pool = {
            "linear1": nn.Linear(DIM, 2 * DIM),
            "linear2": nn.Linear(2 * DIM, 1),
            "linear3": nn.Linear(DIM, 1),
        }
        self.transformer_pool_attn = nn.ModuleDict(
            {
                "norm_input": nn.BatchNorm1d(features),
                "transformer": nn.ModuleDict(transformer),
                "norm_trans": nn.BatchNorm1d(DIM),
                "pool": nn.ModuleDict(pool),
            }
        )

    def forward(self, sound: Tensor) -> Tensor:
        """Score, 1 to 5, of sound ``(samples,)`` at 16 kHz."""
        segments = segmented(sound)
        peaks = segments.abs().amax(dim=1, keepdim=True)
        spectrogram = compressed_stft(segments / (peaks + 1e-8))
        features = self.cnn["cnn"](spectrogram).flatten(1, 2)
        return 1 + 4 * self._quality(features).mean()

    def _quality(self, features: Tensor) -> Tensor:
        """Quality, 0 to 1, of each segment from features ``(segments, features, frames)``."""
        head = self.transformer_pool_attn
        steps: nn.ModuleDict = head["transformer"]  # type: ignore[assignment]
        x = steps["norm"](head["norm_input"](features)).transpose(1, 2)
        x = steps["linear_proj"](x) + steps["position_encoding"].pe
        x = steps["transformer_encoder"](x)
        x = head["norm_trans"](x.transpose(1, 2)).transpose(1, 2)
        pool: nn.ModuleDict = head["pool"]  # type: ignore[assignment]
        weights = pool["linear2"](pool["linear1"](x).relu()).softmax(dim=1)
        return torch.sigmoid(pool["linear3"]((weights * x).sum(dim=1)))


def segmented(sound: Tensor) -> Tensor:
    """Segments ``(segments, 122880)`` that cover the sound evenly; short sound gets silence.

    >>> segmented(torch.arange(122880 + 16001.0))[:, 0]
    tensor([    0.,  8000., 16001.])
    """
    beyond = len(sound) - SEGMENT
    if beyond <= 0:
        return nn.functional.pad(sound, (0, -beyond))[None]
    n_steps = math.ceil(beyond / MAX_STEP)
    starts = [int(step / n_steps * beyond) for step in range(n_steps + 1)]
    return torch.stack([sound[start : start + SEGMENT] for start in starts])


def compressed_stft(sound: Tensor) -> Tensor:
    """Real and imaginary parts ``(batch, 2, 161, frames)``, magnitudes to the power of 0.3."""
    margin = (WINDOW - HOP) // 2
    spectrum = torch.view_as_real(
        torch.stft(
            nn.functional.pad(sound, (margin, margin), mode="reflect"),
            WINDOW,
            HOP,
            window=torch.hann_window(WINDOW),
            center=False,
            return_complex=True,
        )
    )
    magnitude = spectrum.square().sum(dim=-1, keepdim=True).sqrt().clamp(min=1e-12)
    return (magnitude**0.3 * spectrum / magnitude).permute(0, 3, 1, 2)
