"""What fits of affine maps have in common: what is read, beside what the reference's map said."""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from tts_compress.errors import CheckpointError
from tts_compress.methods.calibration.affine import Affine, Arguments
from tts_compress.methods.calibration.sums import Spread


@dataclass
class AffineFit:
    """Notes what a reference's affine map says, and what the map itself then reads.

    An LSTM's gates read the states of the reference: with them right, the states come out right in
    turn, while its own would be those of the map before it is changed.

    Attributes:
        method: Starts messages.
        layer: Its name, for messages.
        own: The map that is changed.
        reference: The same map of the reference.
        wanted: What the reference's map says, ``(positions, rows)``.
        targets: The same of each call, where it is needed one by one.
        states: States that the reference's map reads in each call.
    """

    method: str
    layer: str
    own: Affine
    reference: Affine
    wanted: Spread = field(default_factory=Spread, init=False)
    targets: list[Tensor] = field(default_factory=list, init=False)
    states: list[Tensor] = field(default_factory=list, init=False)

    def note(self, heard: Arguments, output: Tensor, data: Tensor) -> Tensor:
        """Notes what the reference's map says in a call, and gives it, ``(positions, rows)``."""
        if self.reference.said is not None:
            said = self.reference.said(output)[data]
        else:
            x = self.reference.reads(heard, output)
            self.states.append(x[..., x.shape[-1] - self.reference.n_states :].clone())
            said = functional.linear(x, self.reference.matrix, self.reference.bias)[data]
        self.wanted.add(said)
        return said

    def reads(self, heard: Arguments, output: Tensor, call: int) -> Tensor:
        """Gives what the map reads in its own network, ``(..., columns)``."""
        x = self.own.reads(heard, output)
        if not self.own.n_states:
            return x
        return torch.cat((x[..., : -self.own.n_states], self.states[call]), -1)

    def check(self, *sums: Tensor | None) -> None:
        """Checks sums of what was heard and said.

        Raises:
            CheckpointError: One is not finite.
        """
        if not all(bool(one.isfinite().all()) for one in sums if one is not None):
            raise CheckpointError(
                f"{self.method}: what {self.layer!r} hears or should say of the calibration "
                "sentences is not finite, got NaN or infinity. "
                "Use a checkpoint from before the training diverged, or compress less."
            )
