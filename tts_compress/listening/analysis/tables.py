"""Tables of an analysis: what each column means, and its numbers as text."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tts_compress.listening.built import Kind

if TYPE_CHECKING:
    import pandas as pd

NONE = "\N{EN DASH}"


def number(digits: int) -> Callable[[Any], str]:
    """Text of a number with so many digits after the point."""
    return lambda value: f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def share(value: float) -> str:
    """Text of a share in percent."""
    return f"{100 * value:.0f} %"


def p_value(value: float) -> str:
    """Text of a p value.

    >>> p_value(0.00004), p_value(0.0312), p_value(0.5)
    ('< 0.001', '0.031', '0.50')
    """
    if value < 0.001:
        return "< 0.001"
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        key: The data's column; two, with their ends, for an interval.
        title: Its head.
        meaning: What it is, in a sentence.
        text: How a value is written.
    """

    key: str | tuple[str, str]
    title: str
    meaning: str
    text: Callable[[Any], str] = str

    def cell(self, line: "pd.Series[Any]") -> str:
        """The text of one line's value; a dash if there is none."""
        keys = (self.key,) if isinstance(self.key, str) else self.key
        values = [line.get(key) for key in keys]
        if any(v is None or (isinstance(v, float) and math.isnan(v)) for v in values):
            return NONE
        return " to ".join(self.text(value) for value in values).replace(" % to", " to")

    def known(self, table: "pd.DataFrame") -> bool:
        """Whether the data have it."""
        return (self.key if isinstance(self.key, str) else self.key[0]) in table


SYSTEM = Column("system", "system", "What made the speech.")
VERSUS = Column("versus", "compared with", "What it is measured against.")
LISTENERS = Column("listeners", "listeners", "How many listeners this is from.")
TRIALS = Column("trials", "trials", "How many answers this is from.")
P_HOLM = Column(
    "p_holm",
    "p, Holm",
    "Chance of a result as far off or farther if there is no difference, corrected for the number "
    "of pairs tested (Holm 1979). Below 0.05 counts as clear.",
    p_value,
)


def system_columns(kind: Kind) -> tuple[Column, ...]:
    """Columns of the table of systems."""
    text = number(1 if kind == "mushra" else 2)
    return (
        SYSTEM,
        Column("mean", "mean", "Mean of all ratings.", text),
        Column(
            ("low", "high"),
            "95 % interval",
            "Two-way cluster bootstrap over listeners and sentences: where the mean may lie for "
            "other listeners and other sentences (Owen 2007).",
            text,
        ),
        Column("median", "median", "Half of the ratings lie below.", text),
        Column(("q1", "q3"), "quartiles", "The middle half of the ratings lies between.", text),
        Column(
            ("votes_low", "votes_high"),
            "interval of votes",
            "95 % interval as MOS are commonly given: every vote taken as independent. Too narrow, "
            "since votes of one listener are not; for comparison with other papers.",
            text,
        ),
        Column("ratings", "ratings", "How many ratings this is from."),
        LISTENERS,
    )


def comparison_columns(kind: Kind) -> tuple[Column, ...]:
    """Columns of the table of pairs."""
    if kind == "ab":
        return _preference_columns()
    if kind == "abx":
        return _discrimination_columns()
    text = number(1 if kind == "mushra" else 2)
    from_zero = kind == "cmos"
    return (
        SYSTEM,
        VERSUS,
        Column("difference", "difference", "Mean of the system less that of the other.", text),
        Column(
            ("low", "high"),
            "95 % interval",
            "Two-way cluster bootstrap: for other listeners and other sentences.",
            text,
        ),
        P_HOLM,
        Column(
            "p",
            "p",
            "Wilcoxon's signed-rank test of listeners' own "
            + ("means" if from_zero else "differences")
            + ", one number a listener. Holds for other listeners with these sentences.",
            p_value,
        ),
        Column("median", "median of listeners", "Half of the listeners lie below.", text),
        Column(
            "rank_biserial",
            "rank-biserial",
            "Effect size from -1 to 1: ranks that speak for the system less those that speak "
            "against it (Kerby 2014).",
            number(2),
        ),
        Column(
            ("mixed_low", "mixed_high"),
            "interval, mixed model",
            "Wald interval of a linear mixed model with crossed random listeners and sentences, "
            "as a second opinion on the first interval.",
            text,
        ),
        Column(
            "mixed_p",
            "p, mixed model",
            "Wald test of the mixed model, uncorrected; too sure of few listeners or sentences.",
            p_value,
        ),
        LISTENERS,
    )


def _preference_columns() -> tuple[Column, ...]:
    return (
        SYSTEM,
        VERSUS,
        Column("share", "preferred", "Share of choices of the system; ties count half.", share),
        Column(
            ("low", "high"),
            "95 % interval",
            "Of as many independent choices as have the error that a bootstrap over listeners and "
            "sentences finds (Korn and Graubard 1998).",
            share,
        ),
        P_HOLM,
        Column("p", "p", "Wilcoxon's test of listeners' own shares against 50 %.", p_value),
        Column("p_sign", "p, sign test", "Exact, of how many listeners lean which way.", p_value),
        Column(
            "p_choices",
            "p, all choices",
            "Exact binomial test of all choices without ties, as if each came from another "
            "listener: too sure where tastes differ.",
            p_value,
        ),
        Column("chosen", "chosen", "Choices of the system."),
        Column("neither", "ties", "Answers of no preference."),
        Column("other", "other chosen", "Choices of the other."),
        Column("listeners_for", "listeners for", "Who chose it more often than not."),
        Column("listeners_against", "against", "Who chose the other more often."),
    )


def _discrimination_columns() -> tuple[Column, ...]:
    return (
        SYSTEM,
        VERSUS,
        Column("share", "right", "Share of right answers; guessing gives 50 %.", share),
        Column(
            ("low", "high"),
            "95 % interval",
            "Of as many independent answers as have the error that a bootstrap over listeners and "
            "sentences finds (Korn and Graubard 1998).",
            share,
        ),
        P_HOLM,
        Column(
            "p", "p", "Binomial test of all answers for more right ones than guessing.", p_value
        ),
        Column(
            "d_prime",
            "d'",
            "Sensitivity of an unbiased listener (Macmillan and Creelman 2005).",
            number(2),
        ),
        Column("able", "able listeners", "Whose own answers are too good for guessing (Holm)."),
        TRIALS,
        LISTENERS,
    )


def texts(table: "pd.DataFrame", columns: Sequence[Column]) -> list[list[str]]:
    """The cells of a table, line by line; columns that the data lack are left out."""
    known = [column for column in columns if column.known(table)]
    return [[column.cell(line) for column in known] for _, line in table.iterrows()]


def as_tex(table: "pd.DataFrame", columns: Sequence[Column], caption: str) -> str:
    """A table for LaTeX with booktabs."""
    known = [column for column in columns if column.known(table)]
    align = "".join("l" if c.key in ("system", "versus") else "r" for c in known)
    lines = [" & ".join(_tex(cell) for cell in cells) + r" \\" for cells in texts(table, known)]
    head = " & ".join(_tex(column.title) for column in known) + r" \\"
    parts = [r"\begin{table}", r"\centering", rf"\caption{{{_tex(caption)}}}"]
    parts += [rf"\begin{{tabular}}{{{align}}}", r"\toprule", head, r"\midrule", *lines]
    return "\n".join([*parts, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _tex(text: str) -> str:
    r"""Text with what LaTeX reads as commands made plain.

    >>> print(_tex("magnitude 40 % of a_b"))
    magnitude 40 \% of a\_b
    """
    signs = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    signs |= {sign: f"\\{sign}" for sign in "&%$#_{}"}
    signs |= {"<": r"\textless{}", ">": r"\textgreater{}"}
    signs |= {"\N{EN DASH}": "--", "\N{MINUS SIGN}": r"\textminus{}"}
    return "".join(signs.get(sign, sign) for sign in text)
