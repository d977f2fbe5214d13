"""What belongs together in a network: every coupling, and what one of its units owns."""

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path

from rich.console import Console

from tts_compress.architectures.base import Architecture
from tts_compress.architectures.couplings import Coupling, Member
from tts_compress.methods.selection import groups_of
from tts_compress.plan.tables import folded, say

AXES = ("row", "column")
INDENT = 25  # of names of tensors
Parts = tuple[tuple[str, ...], ...]  # of a name, with its alternatives


def show_couplings(model: Architecture, where: Path, console: Console) -> None:
    """Prints each coupling: its units, the weights of one, and what these are parts of."""
    couplings = model.couplings()
    groups = groups_of(model)
    parameters = {name: tensor.shape for name, tensor in model.named_parameters()}
    rows = [("coupling", "kind", "units", "weights")]
    for c in couplings:
        each = "" if c.fixed else f"{weights_of_a_unit(c, parameters):,}"
        rows.append((c.name, c.kind, f"{c.n_units:,}", each))
    _, *widths = (max(map(len, column)) for column in zip(*rows, strict=True))
    width = min(max(len(row[0]) for row in rows), console.width - sum(widths) - 6)
    say(console, f"{where}: {model.architecture}; weights are those of one unit\n")
    details = [[], *(list(_details(c, groups, console.width)) for c in couplings)]
    for (name, kind, units, each), detail in zip(rows, details, strict=True):
        first, *others = folded(name, width).split("\n")
        numbers = f"{kind:<{widths[0]}}  {units:>{widths[1]}}  {each:>{widths[2]}}"
        heading = [f"{first:<{width}}  {numbers}".rstrip(), *others]
        say(console, "\n".join(heading), style="bold")
        say(console, "\n".join(detail or ["─" * (width + len(numbers) + 2)]))
    free = [c for c in couplings if not c.fixed]
    say(
        console,
        f"\n{len(free)} couplings with {sum(c.n_units for c in free):,} units that can leave, "
        f"and {len(couplings) - len(free)} whose units cannot",
    )


def weights_of_a_unit(coupling: Coupling, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Gives how many parameters leave with one unit; where its row and column cross counts once.

    Args:
        coupling: What each of its units owns.
        shapes: Of the parameters by name.

    >>> loop = Coupling("h", "units", 3, (Member("w", 0, "makes"), Member("w", 1, "reads")))
    >>> weights_of_a_unit(loop, {"w": (3, 3)})
    5
    """
    left = {
        member.tensor: list(shapes[member.tensor]) for member in coupling if member.tensor in shapes
    }
    for member in coupling:
        if member.tensor in left:
            left[member.tensor][member.axis] -= member.size * member.repeats
    return sum(math.prod(shapes[name]) - math.prod(rest) for name, rest in left.items())


def _details(
    coupling: Coupling, groups: Mapping[str, tuple[str, ...]], width: int
) -> Iterator[str]:
    """Gives a line for each kind of part that a unit owns."""
    within = " ".join(groups.get(coupling.members[0].tensor, ()))
    if coupling.fixed:
        yield f"  cannot leave: {coupling.fixed}"
    elif within:
        yield f"  {'groups':<{INDENT - 4}}  {within}"
    parts: dict[tuple[str, str], list[str]] = {}
    for member in coupling:
        parts.setdefault((member.role, _part(member)), []).append(member.tensor)
    for (role, part), names in parts.items():
        start = f"  {role:<10}{part}"
        for name in merged(names):
            for line in folded(name, width - INDENT).split("\n"):
                yield f"{start:<{INDENT}}{line}"
                start = ""


def _part(member: Member) -> str:
    """Says how much of a tensor a unit owns.

    >>> _part(Member("lstm.weight_ih", 0, "makes", repeats=4)), _part(Member("fc", 1, "reads"))
    ('4 rows', '1 column')
    """
    count = member.size * member.repeats
    if member.axis >= len(AXES):
        return f"{count} on axis {member.axis}"
    return f"{count} {AXES[member.axis]}{'s' * (count > 1)}"


def merged(names: Iterable[str]) -> list[str]:
    """Writes names that differ in one part as one.

    >>> merged(["a.0.weight", "a.0.bias", "a.1.weight", "a.1.bias", "b.weight"])
    ['a.0-1.{weight,bias}', 'b.weight']
    """
    found: list[Parts] = [
        tuple((part,) for part in name.split(".")) for name in dict.fromkeys(names)
    ]
    for position in reversed(range(max(map(len, found), default=0))):
        alike: dict[Hashable, Parts] = {}
        for parts in found:
            start, end = parts[:position], parts[position + 1 :]
            key = (start, end, len(parts) > position)  # shorter ones stay alone
            others = alike[key][position] if key in alike else ()
            alike[key] = (*start, (*others, *parts[position]), *end) if key[2] else parts
        found = list(alike.values())
    return [".".join(map(_alternatives, parts)) for parts in found]


def _alternatives(parts: tuple[str, ...]) -> str:
    """Writes numbers in a row as a range, and other alternatives in braces.

    >>> _alternatives(("0", "1", "2")), _alternatives(("w_qs", "w_ks")), _alternatives(("fc",))
    ('0-2', '{w_qs,w_ks}', 'fc')
    """
    if len(parts) == 1:
        return parts[0]
    if all(part.isdecimal() for part in parts):
        numbers = [int(part) for part in parts]
        if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            return f"{numbers[0]}-{numbers[-1]}"
    return "{" + ",".join(parts) + "}"
