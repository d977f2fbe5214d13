"""What all methods have in common: settings that are called, reports, and what runs share."""

from abc import abstractmethod
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from torch import nn

T = TypeVar("T")


@dataclass(frozen=True)
class Change:
    """What was done to one tensor.

    Attributes:
        layer: Name of the tensor in the state dict.
        spec: How to build the layer again where its shape or class changed; None where it did not.
        stats: Numbers for reports, such as ``n_weights`` and ``n_zero``.
    """

    layer: str
    spec: Mapping[str, Any] | None
    stats: Mapping[str, float]


@dataclass
class Context:
    """What the stages of all runs of a sweep share.

    Attributes:
        capacity: How many results are kept, the latest used; a ranking of 28 M weights has 113 MB.

    >>> context = Context()
    >>> context.remember("square of 3", lambda: 9), context.remember("square of 3", lambda: 0)
    (9, 9)
    """

    capacity: int = 2
    _kept: dict[Hashable, Any] = field(default_factory=dict)

    def remember(self, key: Hashable, make: Callable[[], T]) -> T:
        """Gives what `make` gave for this key, and calls it only if that is no longer kept."""
        value: T = self._kept.pop(key) if key in self._kept else make()
        self._kept[key] = value
        while len(self._kept) > self.capacity:
            del self._kept[next(iter(self._kept))]
        return value


class Method(BaseModel):
    """Base of every method: frozen settings that, when called, make a network smaller in place.

    Attributes:
        needs: What data the method asks for.
        method: Its name in recipes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    needs: ClassVar[Literal["nothing", "calibration", "training"]] = "nothing"
    method: str

    @property
    @abstractmethod
    def label(self) -> str:
        """A few words for tables, such as ``magnitude 40 %``."""

    @abstractmethod
    def selected(self, model: "nn.Module") -> list[str]:
        """Gives the names of the tensors that the method works on."""

    @abstractmethod
    def __call__(self, model: "nn.Module", ctx: Context) -> tuple[Change, ...]:
        """Edits the network in place and says what was done to each tensor."""
