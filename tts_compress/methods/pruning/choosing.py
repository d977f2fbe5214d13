"""Which units leave, given their scores: exact counts, ties by position."""

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tts_compress.errors import RecipeError

if TYPE_CHECKING:
    from tts_compress.methods.structured import Structured


def choose(
    scores: Mapping[str, Tensor], gone: Mapping[str, Tensor], amount: "Structured"
) -> dict[str, Tensor]:
    """Gives True at the units of each layer that leave, ``(units,)``.

    Of n units, floor(sparsity * n) leave, those with the lowest scores; of equal ones the first.
    Units that are gone already are counted, and leave first. More stay where `minimum` or
    `multiple_of` asks for it.

    Args:
        scores: Of the units of each layer, ``(units,)``.
        gone: True at the units that left before.
        amount: The settings that say how many are to leave.

    Raises:
        RecipeError: Fewer would be kept than each layer must keep, or more than there are.
    """
    ranked = {
        name: torch.where(gone[name], torch.tensor(-torch.inf, dtype=score.dtype), score)
        for name, score in scores.items()
    }
    n_kept = _in_each(ranked, amount) if amount.scope == "layer" else _in_all(ranked, amount)
    removed: dict[str, Tensor] = {}
    for name, score in ranked.items():
        rounded = -(-max(n_kept[name], amount.minimum) // amount.multiple_of) * amount.multiple_of
        order = torch.sort(score, stable=True).indices
        removed[name] = torch.zeros(len(score), dtype=torch.bool)
        removed[name][order[: max(0, len(score) - rounded)]] = True
        removed[name] |= gone[name].cpu()
    return removed


def _in_each(scores: Mapping[str, Tensor], amount: "Structured") -> dict[str, int]:
    for name, score in scores.items():
        if amount.keep is not None and amount.keep > len(score):
            raise RecipeError(
                f"{amount.method}: {name!r} has {len(score)} {amount.method}, got keep "
                f"{amount.keep}. Keep fewer, or exclude it."
            )
    return {name: _n_kept(len(score), amount) for name, score in scores.items()}


def _in_all(scores: Mapping[str, Tensor], amount: "Structured") -> dict[str, int]:
    """Ranks the units of all layers together, after the best of each, which stay."""
    total = sum(len(score) for score in scores.values())
    wanted = _n_kept(total, amount)
    least = {name: min(amount.minimum, len(score)) for name, score in scores.items()}
    if not sum(least.values()) <= wanted <= total:
        raise RecipeError(
            f"{amount.method}: {wanted} of {total} {amount.method} would stay, got "
            f"{_asked(amount)}; {len(scores)} layers keep at least {amount.minimum} each. "
            f"Keep {sum(least.values())} to {total}."
        )
    free, owners = [], []
    for index, (name, score) in enumerate(scores.items()):
        lowest = torch.sort(score, stable=True).values[: len(score) - least[name]]
        free.append(lowest)
        owners += [index] * len(lowest)
    order = torch.sort(torch.cat(free), stable=True).indices[: total - wanted]
    leaving = torch.bincount(torch.tensor(owners, dtype=torch.long)[order], minlength=len(scores))
    counts = zip(scores.items(), leaving.tolist(), strict=True)
    return {name: len(score) - count for (name, score), count in counts}


def _n_kept(n_units: int, amount: "Structured") -> int:
    if amount.keep is not None:
        return amount.keep
    return n_units - int(Fraction(str(amount.sparsity)) * n_units)


def _asked(amount: "Structured") -> str:
    return f"keep {amount.keep}" if amount.sparsity is None else f"sparsity {amount.sparsity!r}"
