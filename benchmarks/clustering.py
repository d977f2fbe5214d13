"""k-means of 28 M weights: ours, exact, against scikit-learn's and SciPy's Lloyd iterations.

    python benchmarks/clustering.py [--millions 28] [--bits 2 4 6] [--threads 2]

The weights are drawn (Laplace, in float16, a fifth pruned), in one tensor. Peers start from centres
evenly spaced between the least and the largest weight, the best start of Han et al. 2016, and from
quantiles; nothing holds a centre of theirs at zero, which costs ours a little. Seconds are those of
finding the centres alone, but for "and levels", which gives each weight its entry of a float16
table, too. scikit-learn stops after 100 iterations, SciPy after 20.
"""

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from tts_compress.methods.quantizing import clustering

Centers = NDArray[np.float64]
Finder = Callable[[torch.Tensor, Centers], Centers]


def draw(n: int) -> torch.Tensor:
    torch.manual_seed(0)
    weights = torch.distributions.Laplace(0.0, 0.03).sample((n,))
    return (weights * (torch.rand(n) > 0.2)).half().float()


def ours(weights: torch.Tensor, start: Centers) -> Centers:
    return clustering.kmeans(weights, len(start)).numpy()


def ours_and_levels(weights: torch.Tensor, start: Centers) -> Centers:
    return clustering.codebook(weights, len(start), 1, "float16").tables[0].double().numpy()


def scikit_learn(weights: torch.Tensor, start: Centers) -> Centers:
    lloyd = KMeans(len(start), init=start[:, None], n_init=1, max_iter=100)
    centers: Centers = lloyd.fit(weights[:, None].numpy()).cluster_centers_[:, 0]
    return centers


def scipy(weights: torch.Tensor, start: Centers) -> Centers:
    centers, _ = kmeans2(weights[:, None].numpy().astype(float), start[:, None], 20, minit="matrix")
    found: Centers = centers[:, 0]
    return found


def root_mean_square_error(weights: torch.Tensor, centers: Centers) -> float:
    table = torch.from_numpy(np.sort(centers))
    nearest = torch.bucketize(weights, ((table[1:] + table[:-1]) / 2).float())
    return float((weights - table.float()[nearest]).double().square().mean().sqrt())


def report(name: str, find: Finder, weights: torch.Tensor, start: Centers) -> None:
    began = time.perf_counter()
    centers = find(weights, start)
    seconds = time.perf_counter() - began
    error = root_mean_square_error(weights, centers)
    print(f"{len(start):4} centres  {name:28} {seconds:8.2f} s  error {error:.6f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, default=28)
    parser.add_argument("--bits", type=int, nargs="*", default=[2, 4, 6])
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    warnings.filterwarnings("ignore", message="One of the clusters is empty")
    torch.set_num_threads(given.threads)
    weights = draw(int(given.millions * 1e6))
    report("ours, compiling first", ours, weights[:1000], np.zeros(4))
    for bits in given.bits:
        even = np.linspace(float(weights.min()), float(weights.max()), 2**bits)
        spread = np.quantile(
            weights[:1_000_000].double().numpy(), (np.arange(2**bits) + 0.5) / 2**bits
        )
        report("ours, exact", ours, weights, even)
        report("ours, exact, and levels", ours_and_levels, weights, even)
        with threadpool_limits(given.threads):
            report("scikit-learn, even start", scikit_learn, weights, even)
            report("scikit-learn, quantiles", scikit_learn, weights, spread)
            report("SciPy, even start", scipy, weights, even)


if __name__ == "__main__":
    main()
