"""Entropy coders for weights, side by side: bytes against the order-0 entropy, and seconds.

Ours, and those of the package constriction (`pip install constriction`): a range coder and ANS with
frequencies that are learnt from band to band of rows, for classes of columns by mean magnitude.

    python benchmarks/coders.py [--weights 28000000]
"""

import argparse
import gzip
import time

import numpy as np
import torch

from tts_compress import load_model
from tts_compress.encodings.coder import Decoder, Encoder, Kind, pack_bits
from tts_compress.quantized import matrix_shape

ROWS, CLASSES = 16, 4


def voice_levels(folder, step):
    """Every matrix of a voice, rounded to steps of so many standard deviations."""
    for name, tensor in load_model(folder).state_dict().items():
        if tensor.dim() > 1 and "position_enc" not in name:
            weights = tensor.reshape(matrix_shape(tensor.shape)).numpy()
            yield np.rint(weights / (step * weights.std())).astype(np.int16)


def random_levels(size):
    """A matrix of 4-bit levels, by a Laplace distribution."""
    levels = np.random.default_rng(0).laplace(0, 2, (size // 1000, 1000))
    return [np.clip(np.rint(levels), -7, 7).astype(np.int16)]


def entropy_bytes(matrices):
    bits = 0.0
    for matrix in matrices:
        counts = np.unique(matrix, return_counts=True)[1]
        bits += float((counts * np.log2(matrix.size / counts)).sum())
    return bits / 8


def ours(matrices):
    encoder = Encoder()
    for matrix in matrices:
        encoder.levels(matrix, Kind.LEVELS)
    data = encoder.finish()

    def decode():
        decoder = Decoder(data)
        return [decoder.levels(*matrix.shape, Kind.LEVELS) for matrix in matrices]

    return len(data), decode


class Learnt:
    """Frequencies of each class, and classes of the columns, from the bands so far."""

    def __init__(self, lowest, entries, columns, before):
        self.lowest, self.counts = lowest, np.zeros((CLASSES, entries))
        self.prior = np.full(entries, 0.1) if before is None else before.counts.sum(0) + 0.1
        self.sizes, self.rows = np.zeros(columns), 0

    def groups(self):
        means = self.sizes / max(1, self.rows)
        edges = np.quantile(means, np.arange(1, CLASSES) / CLASSES)
        classes = np.searchsorted(edges, means)
        return [(k, np.flatnonzero(classes == k)) for k in np.unique(classes)]

    def model(self, k):
        from constriction import stream

        overall = self.counts.sum(0)
        overall = overall + 200 * self.prior / self.prior.sum()
        counts = self.counts[k] + 100 * overall / overall.sum()
        return stream.model.Categorical((counts / counts.sum()).astype(np.float32), perfect=False)

    def learn(self, band, groups):
        for k, columns in groups:
            found = (band[:, columns] - self.lowest).ravel()
            self.counts[k] += np.bincount(found, minlength=self.counts.shape[1])
        self.sizes += np.abs(band).sum(0)
        self.rows += len(band)


def peers(matrices, ans):
    """A coder of constriction; ANS takes the symbols from the last to the first."""
    from constriction import stream

    coder = stream.stack.AnsCoder if ans else stream.queue.RangeEncoder
    reader = stream.stack.AnsCoder if ans else stream.queue.RangeDecoder

    encoder, work = coder(), []
    lowest = min(int(m.min()) for m in matrices)
    entries = max(int(m.max()) for m in matrices) - lowest + 1
    learnt = None
    for matrix in matrices:
        learnt = Learnt(lowest, entries, matrix.shape[1], learnt)
        for start in range(0, len(matrix), ROWS):
            band, groups = matrix[start : start + ROWS].astype(np.int32), learnt.groups()
            for k, columns in groups:
                work.append(
                    (np.ascontiguousarray(band[:, columns]).ravel() - lowest, learnt.model(k))
                )
            learnt.learn(band, groups)
    for symbols, model in reversed(work) if ans else work:
        (encoder.encode_reverse if ans else encoder.encode)(symbols, model)
    words = encoder.get_compressed()

    def decode():
        decoder, found, learnt = reader(words), [], None
        for matrix in matrices:
            learnt = Learnt(lowest, entries, matrix.shape[1], learnt)
            out = np.zeros(matrix.shape, np.int16)
            for start in range(0, len(matrix), ROWS):
                band, groups = out[start : start + ROWS], learnt.groups()
                for k, columns in groups:
                    symbols = decoder.decode(learnt.model(k), len(band) * len(columns)) + lowest
                    band[:, columns] = symbols.reshape(len(band), -1)
                learnt.learn(band.astype(np.int32), groups)
            found.append(out)
        return found

    return 4 * len(words), decode


def gzipped(matrices):
    data = [gzip.compress(matrix.astype(np.int8).tobytes(), 9) for matrix in matrices]

    def decode():
        return [
            np.frombuffer(gzip.decompress(packed), np.int8).astype(np.int16).reshape(matrix.shape)
            for packed, matrix in zip(data, matrices, strict=True)
        ]

    return sum(map(len, data)), decode


def fixed(matrices):
    """Levels in the fewest bits that tell them apart."""
    widths = [(len(np.unique(m)) - 1).bit_length() for m in matrices]
    data = [pack_bits(m.ravel().view(np.uint16), w) for m, w in zip(matrices, widths, strict=True)]
    return sum(map(len, data)), None


CODERS = {
    "ours": ours,
    "constriction range": lambda matrices: peers(matrices, ans=False),
    "constriction ANS": lambda matrices: peers(matrices, ans=True),
    "gzip -9 of bytes": gzipped,
    "fixed width": fixed,
}


def seconds(function, *given):
    start = time.process_time()
    return function(*given), time.process_time() - start


def measure(title, matrices):
    size, bound = sum(m.size for m in matrices), entropy_bytes(matrices)
    print(
        f"\n{title}: {size:,} weights, order-0 entropy {8 * bound / size:.3f} bits, {bound:,.0f} B"
    )
    for name, coder in CODERS.items():
        try:
            (n_bytes, decode), encoding = seconds(coder, matrices)
        except ModuleNotFoundError as error:
            print(f"  {name:20} {error}")
            continue
        line = (
            f"  {name:20} {n_bytes:>12,} B  {n_bytes / bound - 1:+7.2%}  encode {encoding:6.2f} s"
        )
        if decode is not None:
            found, decoding = seconds(decode)
            assert all(map(np.array_equal, found, matrices)), name
            line += f"  decode {decoding:6.2f} s"
        print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=int, default=28_000_000, help="of the random matrix")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ours([np.zeros((2, 2), np.int16)])[1]()  # compiles
    for voice in ("fastspeech2-slt", "tacotron2-slt"):
        for step in (0.2, 0.5, 1.0, 2.0):
            measure(f"{voice}, steps of {step} std", list(voice_levels(f"models/{voice}", step)))
    measure("random Laplace, 4 bits", random_levels(arguments.weights))


if __name__ == "__main__":
    main()
