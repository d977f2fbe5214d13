"""What every architecture says about itself."""

from typing import ClassVar

from torch import nn

from tts_compress.architectures.settings import ArchitectureSettings


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
