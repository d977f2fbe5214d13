"""Phones for words that no dictionary has, from their letters.

A joint n-gram model: each letter of a word says no, one or two phones, and each such pair is
predicted from the five pairs before it. ``train_letters.py`` made the weights from CMUdict.

Source: Bisani and Ney, "Joint-sequence models for grapheme-to-phoneme conversion", 2008.
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

START, END = 0, 1
"""Ids of the pairs before a word's first letter and after its last."""

_BEAM = 64
_PROBABILITY_STEP, _BACKOFF_STEP = 1 / 16, 1 / 32  # nats in one step of a stored byte


@dataclass(frozen=True)
class Grams:
    """The n-grams of one length n.

    Attributes:
        keys: Sorted; the ids of an n-gram as the digits of one number, latest id last.
        log_probs: Of the last pair after the others, in nats.
        log_backoffs: For each of ``contexts``, what is left for pairs not seen after it.
        contexts: Sorted keys of all but the last pair.
    """

    keys: NDArray[np.uint64]
    log_probs: NDArray[np.float64]
    contexts: NDArray[np.uint64]
    log_backoffs: NDArray[np.float64]


@dataclass(frozen=True)
class LetterModel:
    """A joint n-gram model of letters and phones.

    Attributes:
        pairs: A letter and its phones, such as ``("x", ("K", "S"))``; the first two entries
            stand for ``START`` and ``END``.
        grams: The n-grams of length 1, 2, ...
    """

    pairs: tuple[tuple[str, tuple[str, ...]], ...]
    grams: tuple[Grams, ...]

    @cached_property
    def choices(self) -> dict[str, NDArray[np.uint64]]:
        """Ids of the pairs that each letter can be in."""
        ids: dict[str, list[int]] = defaultdict(list)
        for i, (letter, _) in enumerate(self.pairs):
            ids[letter].append(i)
        return {letter: np.array(found, np.uint64) for letter, found in ids.items()}

    def log_probs(self, keys: NDArray[np.uint64], n: int) -> NDArray[np.float64]:
        """Log probability of the last pair of each n-gram after the pairs before it."""
        base = np.uint64(len(self.pairs))
        total = np.zeros(len(keys))
        pending = np.ones(len(keys), bool)
        for length in range(n, 0, -1):
            grams = self.grams[length - 1]
            seen, values = _look_up(grams.keys, grams.log_probs, keys)
            total += np.where(pending & seen, values, 0.0)
            pending &= ~seen
            seen, values = _look_up(grams.contexts, grams.log_backoffs, keys // base)
            total += np.where(pending & seen, values, 0.0)
            keys = keys % base ** np.uint64(length - 1)
        return total

    def pronounce(self, word: str) -> tuple[str, ...]:
        """Most probable phones of a word of the letters a to z, by beam search."""
        base = np.uint64(len(self.pairs))
        paths: list[tuple[int, ...]] = [()]
        contexts, scores = np.array([START], np.uint64), np.zeros(1)
        for position, letter in enumerate([*word, ""]):
            ids = self.choices[letter] if letter else np.array([END], np.uint64)
            n = min(position + 2, len(self.grams))
            keys = (contexts[:, None] * base + ids).ravel()
            reached = (scores[:, None] + self.log_probs(keys, n).reshape(-1, len(ids))).ravel()
            best = np.argsort(-reached, kind="stable")[:_BEAM]
            paths = [(*paths[b // len(ids)], int(ids[b % len(ids)])) for b in best]
            scores = reached[best]
            contexts = keys[best] % base ** np.uint64(min(n, len(self.grams) - 1))
        return self._best(paths, np.exp(scores))

    def _best(self, paths: list[tuple[int, ...]], weights: NDArray[np.float64]) -> tuple[str, ...]:
        """Phones with most weight, summed over the ways to share them among the letters.

        Those with exactly one primary stress go first, since the pairs cannot see that far.
        """
        found: dict[tuple[str, ...], float] = defaultdict(float)
        for path, weight in zip(paths, weights, strict=True):
            found[tuple(phone for i in path for phone in self.pairs[i][1])] += weight
        return max(found, key=lambda phones: (_primary_stresses(phones) == 1, found[phones]))

    def save(self, path: Path) -> None:
        """Write the model, log probabilities rounded to 1/16 nat."""
        arrays: dict[str, NDArray[np.generic]] = {
            "pairs": np.array([" ".join([letter, *phones]) for letter, phones in self.pairs])
        }
        for n, grams in enumerate(self.grams, start=1):
            gaps = np.diff(grams.keys, prepend=np.uint64(0))
            arrays[f"gaps{n}"] = gaps.astype("<u8").view(np.uint8).reshape(-1, 8).T
            arrays[f"probs{n}"] = _to_bytes(grams.log_probs, _PROBABILITY_STEP)
            arrays[f"backoffs{n}"] = _to_bytes(grams.log_backoffs, _BACKOFF_STEP)
        np.savez_compressed(path, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> "LetterModel":
        """Read what ``save`` wrote."""
        with np.load(path) as arrays:
            pairs = tuple(
                (text[:1].strip(), tuple(text.split(" ")[1:])) for text in arrays["pairs"]
            )
            grams = []
            for n in range(1, len(arrays) // 3 + 1):
                gaps = np.ascontiguousarray(arrays[f"gaps{n}"].T).view("<u8").ravel()
                keys = np.cumsum(gaps, dtype=np.uint64)
                probs = arrays[f"probs{n}"] * -_PROBABILITY_STEP
                backoffs = arrays[f"backoffs{n}"] * -_BACKOFF_STEP
                contexts = np.unique(keys // np.uint64(len(pairs)))
                grams.append(Grams(keys, probs, contexts, backoffs))
        return cls(pairs, tuple(grams))


def pronounce(word: str) -> tuple[str, ...]:
    """ARPAbet phones, with stress, that an English reader may give to an unknown word.

    On 2,000 words of CMUdict that training did not see, 9.0% of the phones differ from the
    nearest pronunciation there, counting stress.

    Args:
        word: One or more of the letters a to z.

    >>> pronounce("blorp")
    ('B', 'L', 'AO1', 'R', 'P')
    """
    return _model().pronounce(word)


@cache
def _model() -> LetterModel:
    with as_file(files("tts_compress.text").joinpath("data/letters.npz")) as path:
        return LetterModel.load(path)


def _primary_stresses(phones: tuple[str, ...]) -> int:
    return sum(phone.endswith("1") for phone in phones)


def _look_up(
    known: NDArray[np.uint64], values: NDArray[np.float64], keys: NDArray[np.uint64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether each key is among the sorted known ones, and its value where it is."""
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return known[places] == keys, values[places]


def _to_bytes(logs: NDArray[np.float64], step: float) -> NDArray[np.uint8]:
    return np.clip(np.round(-logs / step), 0, 255).astype(np.uint8)
