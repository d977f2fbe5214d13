"""How much each unit matters: by its weights, or by what it changes in what the network says."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tts_compress.architectures.couplings import Coupling
from tts_compress.architectures.following import Spoken
from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.methods.base import Context
from tts_compress.methods.calibration.hearing import check_speech, hearing_key
from tts_compress.methods.calibration.sensitivity import counted, gradient_probes

if TYPE_CHECKING:
    from tts_compress.architectures.base import Architecture
    from tts_compress.methods.structured import Structured


def scores(method: "Structured", model: "Architecture", ctx: Context) -> list[Tensor]:
    """Gives the score of every unit that a method ranks, ``(units,)`` for each of its couplings.

    Raises:
        RecipeError: The score needs calibration sentences, or a BatchNorm, that are not there.
        CheckpointError: A weight, or the calibration speech, is not finite.
    """
    couplings = method.couplings(model)
    tensors = model.state_dict()
    score = method.score
    if score in ("l1", "l2"):
        found = [magnitude(tensors, c, 1 if score == "l1" else 2) for c in couplings]
    elif score == "batchnorm":
        found = [_batch_norm(tensors, c) for c in couplings]
    else:
        spoken = ctx.calibration(method.method)
        check_speech(spoken, method.method)
        key = (score, *hearing_key(tensors, spoken))
        by_name = ctx.memory.remember(key, lambda: calibrated(model, spoken, score))
        found = [by_name[c.name] for c in couplings]
    for coupling, values in zip(couplings, found, strict=True):
        if not bool(torch.isfinite(values).all()):
            raise CheckpointError(
                f"{method.method}: a score of {coupling.name!r} is not finite, got "
                f"{int((~torch.isfinite(values)).sum())} such of {len(values)}. "
                "Use a checkpoint from before the training diverged."
            )
    return found


def magnitude(tensors: Mapping[str, Tensor], coupling: Coupling, power: int) -> Tensor:
    """Gives the norm of all weights that a unit owns, without biases.

    The scores of a layer are divided by their root mean square, so that layers can be compared
    whose units own more, or larger, weights.

    Args:
        tensors: State of the network.
        coupling: Whose units are scored.
        power: 1 or 2.
    """
    total = torch.zeros(coupling.n_units, dtype=torch.float64)
    for member in coupling:
        tensor = tensors[member.tensor]
        if member.role != "statistic" and tensor.dim() > 1:
            owned = member.slices(tensor, coupling.n_units).double()
            total += owned.abs().pow(power).sum(1).cpu()
    norms = total.pow(1 / power)
    return norms / norms.square().mean().sqrt().clamp(min=1e-300)


def _batch_norm(tensors: Mapping[str, Tensor], coupling: Coupling) -> Tensor:
    """Gives the size of each channel's scale."""
    if coupling.norm is None:
        raise RecipeError(
            f"channels: score 'batchnorm' needs a BatchNorm, got {coupling.name!r} without. "
            "Exclude it, or use l2."
        )
    return tensors[f"{coupling.norm}.weight"].detach().double().abs().cpu()


def calibrated(model: "Architecture", spoken: Sequence[Spoken], score: str) -> dict[str, Tensor]:
    """Gives what leaving would change in what the network says, to first order.

    There are no labels, and against its own speech every loss of a network has gradient zero. So
    the outputs are summed with random signs: the gradient of that sum is what an L1 loss gives
    whose targets lie on either side by chance, and the mean square of what it says of a weight is
    the squared change of all outputs. A mean over sentences, or pieces of them for a vocoder, with
    one set of signs each.

    "taylor" is the mean of (sum of w * gradient)^2 over all that makes a unit; "sensitivity" that
    of abs(sum of w * gradient) over what reads it, which is the gradient of a mask on the unit.

    Args:
        model: The network.
        spoken: What the dense network says, whose timing is followed.
        score: "taylor" or "sensitivity".

    Source: Molchanov et al. 2019, "Importance estimation for neural network pruning", eq. 8; Michel
    et al. 2019, "Are sixteen heads really better than one?", eq. 2.
    """
    spoken = counted(model, spoken)
    couplings = [c for c in model.couplings() if c.kind != "fixed"]
    parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
    total = {c.name: torch.zeros(c.n_units, dtype=torch.float64) for c in couplings}
    role = "makes" if score == "taylor" else "reads"
    for gradients in gradient_probes(model, spoken, n_probes=1):
        products = {name: (parameters[name] * g).detach() for name, g in gradients.items()}
        for coupling in couplings:
            moved = sum(
                member.slices(products[member.tensor], coupling.n_units).double().sum(1).cpu()
                for member in coupling
                if member.role == role and member.tensor in products
            )
            moved = torch.as_tensor(moved)
            total[coupling.name] += moved.square() if score == "taylor" else moved.abs()
    return {name: values / len(spoken) for name, values in total.items()}
