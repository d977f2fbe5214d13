from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.networks import GOLDEN


@pytest.fixture
def golden() -> Path:
    return GOLDEN


@pytest.fixture
def public(golden: Path) -> Callable[[str], Any]:
    """Reads what an upstream project saved."""
    return lambda name: torch.load(golden / name, weights_only=True)


@pytest.fixture
def expected(golden: Path) -> Callable[[str], dict[str, Tensor]]:
    """Reads the arrays that an upstream project computed."""

    def read(name: str) -> dict[str, Tensor]:
        with np.load(golden / f"{name}_expected.npz") as arrays:
            return {key: torch.from_numpy(value) for key, value in arrays.items()}

    return read
