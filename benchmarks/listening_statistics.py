"""How often the tests of a listening test find what is not there, and intervals miss what is.

    python benchmarks/listening_statistics.py [--simulations 1000]

Ratings of 2 systems by 20 listeners of 8 sentences, without a difference between the systems, in
three worlds: listeners differ in how high they rate and sentences in how they sound (main effects);
listeners also like one system more (tastes); a system also speaks some sentences better (items).
Choices: listeners with tastes of their own and none on average. A right test at 5 % says so in 5 %
of simulations, give or take 1.4 % with 1,000 of them. Only what holds for other sentences, too, can
do so in the last world: a test of listeners' means is for the sentences that were heard.
"""

import argparse
from collections import Counter

import numpy as np
import pandas as pd

from tts_compress.listening.analysis.bootstrap import Cells, interval
from tts_compress.listening.analysis.mixed import fit
from tts_compress.listening.analysis.preference import binomial, preferences
from tts_compress.listening.analysis.statistics import friedman, holm, signed_rank

N_LISTENERS, N_SENTENCES = 20, 8
WORLDS = {"main effects": (0.0, 0.0), "tastes": (5.0, 0.0), "tastes and items": (5.0, 4.0)}


def ratings(generator, n_systems, taste, item):
    """Ratings ``(listeners, sentences, systems)``, 0 to 100, in whole points."""
    n, m = N_LISTENERS, N_SENTENCES
    parts = [((n, 1, 1), 12), ((1, m, 1), 8), ((n, 1, n_systems), taste)]
    parts += [((1, m, n_systems), item), ((n, m, n_systems), 8)]
    value = 60 + sum(generator.normal(0, scale, shape) for shape, scale in parts)
    return np.clip(np.round(value), 0, 100)


def as_rows(values):
    who, sentence, system = (index.ravel() for index in np.indices(values.shape))
    return pd.DataFrame(
        {
            "listener": who,
            "sentence": sentence,
            "system": np.array(list("abcd"))[system],
            "value": values.ravel(),
        }
    )


def of_two(generator, taste, item):
    """Whether each method sees a difference of two systems."""
    values = ratings(generator, 2, taste, item)
    first, second = (Cells(values[:, :, k], np.ones(values.shape[:2])) for k in (0, 1))
    found = interval(first, second)
    model = fit(as_rows(values), ["a", "b"], "a")
    votes = np.subtract(*np.moveaxis(values.reshape(-1, 2), 1, 0))
    return {
        "Wilcoxon of listeners' means": signed_rank(np.subtract(*values.mean(1).T)).p < 0.05,
        "interval leaves 0 out": not found.low <= 0 <= found.high,
        "mixed model, Wald": model is not None and model.contrast("b", "a")["mixed_p"] < 0.05,
        "Wilcoxon of pooled votes (not used)": signed_rank(votes).p < 0.05,
    }


def of_four(generator, taste, item):
    """Whether Friedman's test, and any of six pairs after Holm, see a difference."""
    means = ratings(generator, 4, taste, item).mean(1)
    pairs = [means[:, i] - means[:, j] for i in range(4) for j in range(i)]
    return {
        "Friedman, 4 systems": friedman(pd.DataFrame(means))[1] < 0.05,
        "any of 6 pairs after Holm": min(holm([signed_rank(pair).p for pair in pairs])) < 0.05,
    }


def of_choices(generator):
    """Preference with and without tastes, ABX by guessing, CMOS."""
    taste = 1 / (1 + np.exp(-generator.normal(0, 1.0, (N_LISTENERS, 1))))
    chosen = generator.uniform(size=(N_LISTENERS, N_SENTENCES)) < taste
    rows = as_rows(chosen[:, :, None].astype(float)).assign(system="b", versus="a")
    line = preferences(rows).iloc[0]
    heard = np.round(generator.normal(0, 0.5, (N_LISTENERS, 1)) + generator.normal(0, 1, (20, 8)))
    right = generator.binomial(N_LISTENERS * N_SENTENCES, 0.5)
    return {
        "preference, Wilcoxon of shares": line["p"] < 0.05,
        "preference, interval": not line["low"] <= 0.5 <= line["high"],
        "preference, sign test": line["p_sign"] < 0.05,
        "preference, pooled binomial": line["p_choices"] < 0.05,
        "ABX, binomial": binomial(right, N_LISTENERS * N_SENTENCES, "greater") < 0.05,
        "CMOS, Wilcoxon of means": signed_rank(heard.mean(1)).p < 0.05,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=1000)
    n = parser.parse_args().simulations
    for world, scales in WORLDS.items():
        generator = np.random.default_rng(0)
        found = Counter()
        for _ in range(n):
            add(found, of_two(generator, *scales))
            add(found, of_four(generator, *scales))
        show(world, found, n)
    generator = np.random.default_rng(0)
    found = Counter()
    for _ in range(n):
        add(found, of_choices(generator))
    show("choices, tastes and none on average", found, n)


def add(found, seen):
    found.update({name: int(is_seen) for name, is_seen in seen.items()})


def show(world, found, n):
    print(world)
    for name, count in found.items():
        print(f"  {100 * int(count) / n:5.1f} %  {name}", flush=True)


if __name__ == "__main__":
    main()
