"""What every architecture says about itself."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tts_compress.architectures.couplings import Coupling
from tts_compress.architectures.settings import ArchitectureSettings


class _Undrawn(TorchFunctionMode):
    """Has layers draw no first values: on the meta device, to draw none takes torch 1.5 s once."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if getattr(func, "__module__", None) == nn.init.__name__:
            return named["tensor"] if "tensor" in named else args[0]
        return func(*args, **named)


class Architecture(nn.Module):
    """Base of the networks: a module that is built from its settings alone.

    Attributes:
        architecture: Its name in recipes and voices.
        Settings: The class of its settings.
        public_key: Where public checkpoints keep its tensors.
        sign: A tensor that this architecture has, and no other.
        groups: Patterns of parameter names for each group.
        settings: Every width of this network.
    """

    architecture: ClassVar[str]
    Settings: ClassVar[type[ArchitectureSettings]]
    public_key: ClassVar[str]
    sign: ClassVar[str]
    groups: ClassVar[dict[str, tuple[str, ...]]]
    settings: ArchitectureSettings

    @classmethod
    def shaped(cls, settings: ArchitectureSettings) -> Self:
        """Gives a network whose tensors have shapes and neither values nor memory."""
        with torch.device("meta"), _Undrawn():
            return cls(settings)

    @abstractmethod
    def couplings(self) -> tuple[Coupling, ...]:
        """Gives which axes of which tensors belong together; every axis but time is in one."""

    def resized_settings(self, kept: Mapping[str, Sequence[int]]) -> ArchitectureSettings:
        """Gives the settings of a network with fewer units.

        Args:
            kept: For each coupling by name, the units that stay; all where it is left out.
        """
        values = self.settings.to_dict()
        for coupling in self.couplings():
            if coupling.name in kept:
                *path, last = coupling.setting
                holder: Any = values
                for key in path:
                    holder = holder[key]
                holder[last] = len(kept[coupling.name])
        return self.Settings.from_dict(values, self.architecture)

    def computed(self) -> dict[str, Tensor]:
        """Gives tensors that the settings alone decide, by name, so that files need not hold them.

        These are the counters of BatchNorm, 0 in a network that was not trained.
        """
        counters = [name for name in self.state_dict() if name.endswith("num_batches_tracked")]
        return {name: torch.zeros((), dtype=torch.long) for name in counters}

    def as_public(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Gives the tensors of this network under the names that its public project saves."""
        return dict(tensors)

    def become(self, other: Self) -> None:
        """Takes over the settings and all modules of another network, in place."""
        self.settings = other.settings
        for name, module in other.named_children():
            setattr(self, name, module)
