"""What a network is built from: a frozen record of every width, kept as JSON."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tts_compress.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

_Rank = Annotated[int, Field(ge=1)]
Rank = _Rank | tuple[_Rank, _Rank, _Rank, _Rank]
"""Of the factors of a weight; four are those of an LSTM's gates."""


class Settings(BaseModel):
    """Base of each architecture's settings: frozen, strict, and equal when every width is equal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_dict(self) -> dict[str, Any]:
        """Gives the settings as plain JSON values."""
        return self.model_dump(mode="json")

    @classmethod
    def from_dict(cls, values: dict[str, Any], where: str = "settings") -> Self:
        """Gives the settings that `to_dict` wrote.

        Raises:
            CheckpointError: A key is unknown or missing, or a value has the wrong type.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            known = ", ".join(cls.model_fields)
            raise CheckpointError(f"{where}: {first_problem(error)}. Known: {known}.") from None


class ArchitectureSettings(Settings, ABC):
    """Base of the settings of a whole network.

    `ranks` are those of the weights that are a product of two factors, by their names.
    """

    ranks: dict[str, Rank] = {}

    def to_dict(self) -> dict[str, Any]:
        """Gives the settings as plain JSON values; no ranks where there are none."""
        values = super().to_dict()
        return values if self.ranks else {k: v for k, v in values.items() if k != "ranks"}

    @classmethod
    @abstractmethod
    def from_tensors(cls, tensors: Mapping[str, "Tensor"], config: Mapping[str, Any]) -> Self:
        """Reads every width from the tensors of a checkpoint and, where given, its config."""


def first_problem(error: ValidationError) -> str:
    """Says where the first wrong value is, what is wrong with it, and what it is."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    return f"{key}: {first['msg'].lower()}, got {first['input']!r}"


def layer_widths(tensors: Mapping[str, "Tensor"], pattern: str) -> tuple[int, ...]:
    """Gives the first axis of pattern.format(0), pattern.format(1), ... as far as they go."""
    widths: list[int] = []
    while (name := pattern.format(len(widths))) in tensors:
        widths.append(tensors[name].shape[0])
    return tuple(widths)
