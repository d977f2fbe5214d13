"""Which tensors of a network a stage works on: groups and patterns to names."""

import difflib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from tts_compress.errors import RecipeError

if TYPE_CHECKING:
    from torch import Tensor, nn

Groups = Mapping[str, Sequence[str]]


def weights_of(named_parameters: Mapping[str, "Tensor"]) -> list[str]:
    """Names of the weights: what is trained and has two axes or more.

    So biases, the scales of normalisation and fixed tables are not among them.
    """
    return [name for name, p in named_parameters.items() if p.requires_grad and p.dim() > 1]


def groups_of(model: "nn.Module") -> dict[str, tuple[str, ...]]:
    """Gives each weight's groups, which may be none."""
    groups: Groups = getattr(model, "groups", {})
    return {
        name: tuple(group for group, patterns in groups.items() if matches(name, patterns))
        for name in weights_of(dict(model.named_parameters()))
    }


def select(
    named_parameters: Mapping[str, "Tensor"],
    groups: Groups,
    include: Sequence[str],
    exclude: Sequence[str],
    where: str,
    vectors: bool = False,
) -> list[str]:
    """Names of the tensors that are included and not excluded, in the order of the network.

    Groups and patterns match weights only; a bias or a scale of normalisation is selected if it is
    included by its full name. With `vectors`, they match every tensor that is given.

    Args:
        named_parameters: All parameters of the network by name.
        groups: Patterns of each group of the architecture.
        include: Groups, patterns or names; every weight where empty.
        exclude: Groups, patterns or names.
        where: Starts messages, such as the method's name.
        vectors: Whether groups and patterns match more than weights.

    Raises:
        RecipeError: An entry matches nothing, or nothing is left.

    >>> from torch import nn
    >>> layers = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    >>> select(dict(layers.named_parameters()), {"last": ("1.*",)}, ["last"], [], "magnitude")
    ['1.weight']
    """
    ordinary = list(named_parameters) if vectors else weights_of(named_parameters)
    included = _matching(named_parameters, ordinary, groups, include, f"{where}: include")
    if not include:
        included = set(ordinary)
    chosen = included - _matching(named_parameters, ordinary, groups, exclude, f"{where}: exclude")
    if not chosen:
        raise RecipeError(
            f"{where}: selects no tensor, got include {list(include)!r} and exclude "
            f"{list(exclude)!r}. Exclude less than is included."
        )
    return [name for name in named_parameters if name in chosen]


def _matching(
    named_parameters: Mapping[str, "Tensor"],
    ordinary: Sequence[str],
    groups: Groups,
    entries: Sequence[str],
    where: str,
) -> set[str]:
    """Names that at least one entry matches: ordinary ones by patterns, any by its full name."""
    found: set[str] = set()
    for entry in entries:
        patterns = groups.get(entry, (entry,))
        matched = {name for name in ordinary if matches(name, patterns)}
        matched |= {entry} & named_parameters.keys()
        if not matched:
            raise RecipeError(
                f"{where} {[entry]!r} matches none of {len(ordinary)} tensors. "
                f"{_suggestion(entry, ordinary, groups)}"
            )
        found |= matched
    return found


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name fits at least one pattern with ``*`` and ``?``."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _suggestion(entry: str, names: Sequence[str], groups: Groups) -> str:
    """Names the nearest of groups, names, and a pattern for each module; then all groups."""
    modules = {
        name.rsplit(".", depth)[0] for name in names for depth in range(1, name.count(".") + 1)
    }
    known = sorted({*groups, *names, *(f"{module}.*" for module in modules)})
    close = difflib.get_close_matches(entry, known, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"{hint}Known groups: {', '.join(sorted(groups)) or 'none'}."
