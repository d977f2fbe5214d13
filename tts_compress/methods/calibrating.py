"""Passes over calibration sentences that refit a compressed network, layer by layer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tts_compress.methods.refit import Affine, Moments, Spread, affine_maps, kept, shift_bias

Run = Callable[[nn.Module], object]
Positions = Callable[[str, int], Tensor]


@dataclass
class Heard:
    """What one affine map of the dense network said."""
    spread: Spread = field(default_factory=Spread)
    said: list[Tensor] = field(default_factory=list)
    states: list[Tensor] = field(default_factory=list)
