"""What points and lines of plots are called: what sets each apart from the others."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tts_compress.report.columns import failures
from tts_compress.report.rows import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RED = "#d62728"
Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, bottom, right and top


def apart(names: Sequence[str], between: str) -> list[str]:
    """Leaves out the parts at the beginning and the end that all names share.

    Of each name at least one part is left.

    >>> apart(["heads + folded + uniform", "heads + folded + codebook"], " + ")
    ['uniform', 'codebook']
    >>> apart(["heads", "heads + channels"], " + ")
    ['heads', 'heads + channels']
    """
    parts = [name.split(between) for name in names]
    if len(set(names)) < 2:
        return list(names)
    for end in (0, -1):
        while min(map(len, parts)) > 1 and len({found[end] for found in parts}) == 1:
            for found in parts:
                del found[end]
    return [between.join(found) for found in parts]


def name_points(
    axes: "Axes", points: Sequence[tuple[Point, Row]], others: Sequence[Point] = ()
) -> None:
    """Writes how much was removed and what failed beside each point where there is room.

    Args:
        axes: Where they were drawn.
        points: The points, and their runs.
        others: More points that no name may cover.
    """
    from matplotlib import rcParams

    size = 0.9 * rcParams["font.size"]
    em = size * axes.figure.dpi / 72
    places = [tuple(axes.transData.transform(point)) for point, _ in points]
    marked = places + [tuple(axes.transData.transform(point)) for point in others]
    taken: list[Box] = []
    settings = apart([row.setting for _, row in points], ", ")
    found = sorted(zip(places, points, settings, strict=True), key=lambda p: p[0])
    for (x, y), (point, row), setting in found:
        failed = f", {failures(row)} failed" if row.n_failed else ""
        text = setting + failed
        marks = [_box(left, up, 0.7 * em, 0.7 * em) for left, up in marked if (left, up) != (x, y)]
        within = (axes.bbox.x0, axes.bbox.x1)
        side = _free_side((x, y), 0.55 * em * len(text), em, [*taken, *marks], within)
        if not setting or side is None:
            continue
        sign, box = side
        taken.append(box)
        axes.annotate(
            text,
            point,
            xytext=(sign * 0.65 * size, 0.4 * size),
            textcoords="offset points",
            ha="left" if sign > 0 else "right",
            fontsize=size,
            zorder=3.5,
            color=RED if failed else "black",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
        ).set_in_layout(False)


def _free_side(
    place: Point, width: float, em: float, taken: Sequence[Box], within: tuple[float, float]
) -> tuple[int, Box] | None:
    """Gives on which side of a point a text covers nothing, and where that is; None if on none.

    Args:
        place: The point, in pixels.
        width: Width of the text, in pixels.
        em: Height of its letters.
        taken: What must not be covered.
        within: Where the plot begins and ends.
    """
    for sign in (1, -1):
        box = _box(place[0] + sign * (0.6 * em + width / 2), place[1] + 0.8 * em, width, em)
        inside = within[0] <= box[0] and box[2] <= within[1]
        if inside and not any(_overlap(box, other) for other in taken):
            return sign, box
    return None


def _box(x: float, y: float, width: float, height: float) -> Box:
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
