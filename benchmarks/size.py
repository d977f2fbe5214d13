"""Bytes of a network against how far off its speech is: ours beside NNCodec and the usual ways.

    python benchmarks/size.py --nncodec-env /tmp/nncodec --out /tmp/size

Subjects are both embedded voices, a trained HiFi-GAN, and a Tacotron2 of the published size. No
trained one is at hand, so that is the embedded voice made wider: units are copied and told apart
by noise (Net2Net). It speaks, so that its mel distance is real, but it has more redundancy than a
trained network; compare contenders on it, not it with other networks.

Every contender stores the same tensors: all but tables that a network computes by itself
(FastSpeech2's positions) and counters that only training reads. Ratios are against these tensors
in float32. The distance is the mean mel difference to the dense network, of held-out sentences in
forced timing; of a vocoder, between the mels of its sound and of the dense one's, for recordings
that no method saw.

NNCodec needs packages of its own (an older numpy), so it gets an environment in `--nncodec-env`,
made where there is none. What is done is kept in `--out`, and not done again.
"""

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from size_contenders import NNCODEC, PEERS, Contender, nncodec
from size_ours import OURS
from size_picture import Curve, draw
from size_subjects import ROOT, Subject, recordings_vocoder, voice, widened

from tts_compress.architectures.checkpoints import load_model
from tts_compress.files import replaced

DATA = ROOT.parent / "shared" / "data"
NNCODEC_VERSION = "2.1.3"
AT_LEAST_DB = 0.02  # nobody hears less, and no curve is compared there
Points = list[dict[str, Any]]  # of a contender, one a setting


def subjects(given: argparse.Namespace, console: Console) -> Iterable[Subject]:
    for name in ("fastspeech2-slt", "tacotron2-slt"):
        yield voice(name, load_model(ROOT / "models" / name))
    if (given.hifigan / "generator_v2").is_file():
        generator = load_model(given.hifigan / "generator_v2", given.hifigan / "config.json")
        yield recordings_vocoder("hifigan-v2", generator, given.recordings)
    else:
        console.print(f"hifigan-v2: skipped, no {given.hifigan}/generator_v2")
    yield voice("tacotron2-wide", widened(load_model(ROOT / "models" / "tacotron2-slt")))


def install(environment: Path) -> None:
    """Makes the environment of NNCodec, with the torch that is here."""
    if (environment / "bin" / "python").exists():
        return
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    packages = ["torch==" + torch.__version__.split("+")[0], f"nncodec=={NNCODEC_VERSION}"]
    subprocess.run([environment / "bin" / "pip", "install", "--quiet", *packages], check=True)


def measure(subject: Subject, contender: Contender, path: Path, console: Console) -> Points:
    """Gives bytes and distance of a contender with every setting; what the file has is kept."""
    kept: Points = json.loads(path.read_text()) if path.exists() else []
    points: Points = []
    float32 = 4 * sum(tensor.numel() for tensor in subject.tensors.values())
    for setting in contender.settings:
        point = next((point for point in kept if point["setting"] == setting), None)
        if point is None:
            start = time.perf_counter()
            n_bytes, model = contender.code(subject, setting)
            seconds = time.perf_counter() - start
            point = {"setting": setting, "bytes": n_bytes, "ratio": float32 / n_bytes}
            point |= {"db": subject.distance(model), "seconds": seconds}
            console.print(
                f"{subject.name}  {contender.name}  {setting}  {n_bytes:,} bytes  "
                f"{point['ratio']:.2f}x  {point['db']:.3f} dB  {seconds:.0f} s"
            )
        points.append(point)
        with replaced(path) as partial:
            others = [p for p in kept if all(p["setting"] != q["setting"] for q in points)]
            partial.write_text(json.dumps(points + others, indent=1) + "\n")
    return points


def frontier(points: Points) -> Curve:
    """Gives ``(dB, bytes)`` of a contender's best settings, the nearest to dense first.

    That is the lower convex hull of log bytes over dB: no setting is better than what lies between
    two others.
    """
    hull: list[tuple[float, float]] = []
    for db, n_bytes in sorted((p["db"], p["bytes"]) for p in points if math.isfinite(p["db"])):
        if hull and n_bytes >= hull[-1][1]:
            continue
        while len(hull) > 1 and _slope(hull[-2], (db, n_bytes)) <= _slope(*hull[-2:]):
            hull.pop()
        hull.append((db, n_bytes))
    return hull


def _slope(one: tuple[float, float], other: tuple[float, float]) -> float:
    return math.log(other[1] / one[1]) / (other[0] - one[0])


def bytes_at(curve: Curve, db: float) -> float:
    """Bytes at a distance, between two points on a straight line of log bytes over dB.

    Coarser than its coarsest setting nobody saves more; finer than its finest, it cannot go.
    """
    if db < curve[0][0]:
        return math.inf
    distances, sizes = zip(*curve, strict=True)
    return math.exp(float(np.interp(db, distances, np.log(sizes))))


def headline(curves: Mapping[str, Curve], others: Sequence[str]) -> list[dict[str, float]]:
    """Compares ours at equal distances over the range that it has in common with NNCodec."""
    ours, peer = curves.get("ours"), curves.get("NNCodec")
    if not ours or not peer:
        return []
    low = max(ours[0][0], peer[0][0], AT_LEAST_DB)
    high = min(ours[-1][0], peer[-1][0])
    lines = []
    for db in np.geomspace(low, high, 9) if low < high else ():
        sizes = {name: bytes_at(curve, db) for name, curve in curves.items()}
        lines.append(
            {
                "db": float(db),
                "ours": sizes["ours"],
                "nncodec": sizes["NNCodec"],
                "others": min(sizes.get(name, math.inf) for name in others),
            }
        )
    return lines


def show(subject: str, found: Mapping[str, Points], console: Console) -> None:
    table = Table("contender", "setting", "bytes", "times smaller", "dB", "s", title=subject)
    for contender, points in found.items():
        for point in points:
            setting = ", ".join(f"{key} {value}" for key, value in point["setting"].items())
            numbers = (f"{point['bytes']:,}", f"{point['ratio']:.2f}", f"{point['db']:.3f}")
            table.add_row(contender, setting, *numbers, f"{point['seconds']:.1f}")
    console.print(table)
    curves = {name: frontier(points) for name, points in found.items()}
    lines = headline(curves, [peer.name for peer in PEERS])
    for line in lines:
        ours, peer, rest = line["ours"], line["nncodec"], line["others"]
        console.print(
            f"{subject}  at {line['db']:.2f} dB: ours {ours:,.0f} bytes, NNCodec {peer:,.0f}, best "
            f"other {rest:,.0f}: {100 * (1 - ours / peer):.0f} % smaller than NNCodec, "
            f"{rest / ours:.2f} times smaller than the others"
        )
    if lines:
        saved = 1 - math.exp(_mean(math.log(line["ours"] / line["nncodec"]) for line in lines))
        console.print(f"{subject}  ours is {100 * saved:.1f} % smaller than NNCodec on average")


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("runs") / "size")
    parser.add_argument("--nncodec-env", type=Path, default=Path("runs") / "nncodec-env")
    parser.add_argument("--hifigan", type=Path, default=DATA / "hifigan_lj_v2")
    parser.add_argument("--recordings", type=Path, default=DATA / "ljspeech" / "wavs")
    parser.add_argument("--subjects", nargs="+", help="only these")
    parser.add_argument("--only", nargs="+", help="only these contenders; the others as kept")
    given = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(width=140, soft_wrap=True, highlight=False)
    given.out.mkdir(parents=True, exist_ok=True)
    install(given.nncodec_env)
    contenders = [*PEERS, Contender("NNCodec", nncodec(given.nncodec_env), NNCODEC), *OURS]
    drawn: dict[str, dict[str, Curve]] = {}
    for subject in subjects(given, console):
        if given.subjects and subject.name not in given.subjects:
            continue
        found = {}
        for contender in contenders:
            path = given.out / f"{subject.name}.{contender.name}.json"
            if not given.only or contender.name in given.only:
                found[contender.name] = measure(subject, contender, path, console)
            elif path.exists():
                found[contender.name] = json.loads(path.read_text())
        show(subject.name, found, console)
        drawn[subject.name] = {name: frontier(points) for name, points in found.items()}
    draw(drawn, given.out / "size.png")


if __name__ == "__main__":
    main()
