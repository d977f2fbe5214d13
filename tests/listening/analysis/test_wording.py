"""What is said of hand-made results: never more than the numbers do."""

import pandas as pd
import pytest

from tts_compress.listening.analysis import figures, preference, statistics, wording
from tts_compress.listening.analysis.results import Results

SENTENCES = 4


def rows_of(differences, versus="dense"):
    """Ratings of two systems by listeners with these differences, the same in each sentence."""
    return pd.DataFrame(
        [
            {"listener": f"L{who:02}", "sentence": s, "system": name, "value": 50.0 + added}
            for who, difference in enumerate(differences)
            for s in range(SENTENCES)
            for name, added in (("small", difference), (versus, 0))
        ]
    )


def rated(differences, kind="acr"):
    table = statistics.compare(rows_of(differences), ["dense", "small"], "dense")
    return Results(kind, "dense", len(differences), 1, pd.DataFrame(), table)


def said(results, everyone=None):
    return wording.findings(results, everyone or results)


def test_a_clear_difference_has_a_direction():
    assert said(rated([-2, -1, -3, -2, -2, -1, -3, -2, -1, -2]))[0].startswith(
        "Listeners rated small 1.90 points below dense (95 % interval "
    )
    assert said(rated([2, 1, 3, 2, 2, 1, 3, 2]))[0].startswith(
        "Listeners rated small 2.00 points above"
    )


def test_none_found_is_not_none():
    text = said(rated([-2, 1, 3, -2, 2, 1, -3, 2]))[0]
    assert text.startswith("No clear difference between small and dense was found (+0.25, ")


def test_no_direction_where_ranks_and_mean_disagree():
    """Twenty listeners rate it a point higher, two 30 points lower: the mean is below 0."""
    results = rated([1] * 20 + [-30] * 2)
    line = results.comparisons.iloc[0]
    assert line["p_holm"] < 0.05
    assert line["difference"] < 0 < line["rank_biserial"]
    [text] = said(results)
    assert text.startswith("More listeners speak for small than for dense (p ")
    assert text.endswith("the mean is on their side.")


def test_an_interval_that_holds_0_is_said():
    """One of eight listeners differs much, so other listeners may see it otherwise."""
    [text] = said(rated([1, 1, 1, 1, 1, 1, 1, 40]))
    assert text.startswith("Listeners rated small")
    assert text.endswith("includes 0: for those, nothing is shown yet.")


def test_what_only_the_rule_of_the_reference_makes_clear_is_open():
    kept, everyone = rated([-4] * 8, "mushra"), rated([-4] * 8 + [4] * 8, "mushra")
    [text] = said(kept, everyone)
    assert text.startswith("Whether small differs from dense is open: it does so clearly only ")
    assert said(kept)[0].startswith("Listeners rated small 4.0 points below dense")


def test_an_open_difference_is_drawn_hollow():
    clear = rated([-2, -1, -3, -2, -2, -1, -3, -2, -1, -2], "mushra")
    unsure = wording.open_pairs(clear, rated([-2, 1, 3, -2, 2, 1, -3, 2], "mushra"))
    assert unsure == {("small", "dense")}
    assert faces(figures.plot_differences(clear)) == {figures.INK}
    assert faces(figures.plot_differences(clear, unsure)) == {figures.PAPER}


def faces(figure):
    return {line.get_mfc() for line in figure.axes[0].lines if line.get_marker() == "o"}


def test_preferences_say_whom():
    rows = rows_of([1] * 9).query("system == 'small'").assign(versus="dense", value=0.0)
    results = Results("ab", None, 9, 36, pd.DataFrame(), preference.preferences(rows))
    assert said(results)[0].startswith("Listeners preferred dense to small in 100 % of choices (")


@pytest.mark.parametrize(("n_tests", "n"), [(1, 6), (2, 7), (3, 7), (4, 8)])
def test_too_few_listeners_for_so_many_tests(n_tests, n):
    """All of n on one side have a p value of 2 / 2^n, which Holm multiplies by the tests."""
    differences = [1.0] * (n - 1)
    table = statistics.compare(rows_of(differences), ["dense", "small"], "dense")
    table = statistics.with_holm(pd.concat([table] * n_tests, ignore_index=True))
    results = Results("acr", "dense", n - 1, 1, pd.DataFrame(), table)
    assert said(results)[-1] == (
        f"With {n - 1} listeners no difference can be shown by these tests, which need {n}."
    )
