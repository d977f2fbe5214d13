"""How each listener compares with the others: what the plot of listeners shows."""

from typing import TYPE_CHECKING

import numpy as np

from tts_compress.listening.analysis.answers import RATED, SCALES
from tts_compress.listening.analysis.bootstrap import Array
from tts_compress.listening.analysis.screening import Screened
from tts_compress.listening.built import Kind

if TYPE_CHECKING:
    import pandas as pd

NAN = float("nan")


def agreement(rows: "pd.DataFrame", kind: Kind, screened: list[Screened]) -> "pd.DataFrame":
    """One line a listener who can be compared: ``listener``, ``kept``, ``agreement``, ``use``.

    Of ratings, agreement is the correlation with the mean of the others' ratings of the same
    stimuli (reliability), and use the standard deviation of the listener's means of systems
    (discrimination); BS.1534-3, section 4.1, asks to show the two against each other. Of choices,
    it is the share that go with most others' choices of the same trial, and use the share of the
    first place.
    """
    import pandas as pd

    counted = rows[rows["check"] == ""]
    stimulus = ["system", "sentence"] if kind in RATED else ["system", "versus", "sentence"]
    table = counted.pivot_table(index="listener", columns=stimulus, values="value")
    kept = {each.listener: each.kept for each in screened}
    sides = counted["side"].eq(1).where(counted["side"].notna()).groupby(counted["listener"]).mean()
    lines = []
    for listener, own in table.iterrows():
        others = table.drop(index=listener).mean()
        both = own.notna() & others.notna()
        if both.sum() < 3:
            continue
        mine, theirs = own[both].to_numpy(), others[both].to_numpy()
        if kind in SCALES:
            means = own.groupby(level=[0] if kind in RATED else [0, 1]).mean()
            found = _correlation(mine, theirs), float(means.std() if len(means) > 1 else mine.std())
        else:
            clear = theirs != 0.5
            same = ((mine - 0.5) * (theirs - 0.5) > 0)[clear]
            found = 100 * float(same.mean()) if len(same) else NAN, 100 * float(sides[listener])
        lines.append((listener, kept[listener], *found))
    result = pd.DataFrame(lines, columns=["listener", "kept", "agreement", "use"]).dropna()
    if kind in SCALES:
        result.attrs = {
            "x": "agreement with the others (correlation)",
            "y": "how far systems are told apart (SD)",
        }
    else:
        result.attrs = {
            "x": "choices that most others share (%)",
            "y": "choices of the first place (%)",
        }
    return result


def _correlation(mine: Array, theirs: Array) -> float:
    return float(np.corrcoef(mine, theirs)[0, 1]) if np.ptp(mine) and np.ptp(theirs) else NAN
