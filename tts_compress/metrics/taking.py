"""Every measure that is taken of a run, as its records."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from tts_compress.encodings import Item
from tts_compress.methods import METHODS
from tts_compress.metrics import METRICS
from tts_compress.metrics.macs import sentence_macs
from tts_compress.metrics.reference import Reference
from tts_compress.metrics.speed import Speaker, take_turns
from tts_compress.records import Record
from tts_compress.synthesis import Speech, follow, is_finite, speak

OF_FILES = ("gzip_bytes", "artifact_bytes")
OF_ITEMS = (
    "float32_bytes",
    "float16_bytes",
    "packed_bytes",
    "packed_gzip_bytes",
    "packed_zstd_bytes",
    "entropy_bytes",
)
OF_MODEL = ("state_dict_bytes", "n_parameters", "n_nonzero")
OF_ATTENTION = (
    "attention_jumps_back",
    "attention_skips",
    "attention_reach",
    "attention_focus",
    "repeats",
    "skips",
)
OF_WORK = ("macs", "effective_macs")


@dataclass(frozen=True)
class Taker:
    """Makes the records of one run; units are those of `METRICS` where it knows the metric."""

    run_id: str

    def __call__(
        self, metric: str, value: float, sentence: int | None = None, unit: str | None = None
    ) -> Record:
        """Gives a record of one value."""
        return Record(self.run_id, metric, sentence, value, unit or METRICS[metric].unit)


def of_model(take: Taker, model: nn.Module, pruned: Collection[str]) -> Iterator[Record]:
    """Counts the weights; the sparsity is that of the parameters that were pruned."""
    for name in OF_MODEL:
        yield take(name, METRICS[name].measure(model))
    known = dict(model.named_parameters())
    names = sorted(known.keys() & pruned)
    if names:
        yield take("sparsity", METRICS["sparsity"].measure(model, names))


def of_items(take: Taker, items: Sequence[Item]) -> Iterator[Record]:
    """Gives what the tensors of a file take in ever better ways to store them."""
    for name in OF_ITEMS:
        yield take(name, METRICS[name].measure(items))


def of_stages(take: Taker, measures: Mapping[str, float]) -> tuple[list[Record], list[Record]]:
    """Gives what stages measured of themselves: what repeats, and what depends on the clock.

    The last word of a measure's name is its unit, such as ``steps`` of ``finetune_steps``.
    """
    repeats, timed = [], []
    for name, value in measures.items():
        unit = name.rpartition("_")[2]
        if unit == "seconds":
            timed.append(take(name, value, unit="s"))
        else:
            repeats.append(take(name, value, unit=unit))
    return repeats, timed


def is_of_compression(record: Record) -> bool:
    """Whether a record is of what was done to the network, not of what that speaks like."""
    of_stage = record.metric.partition("_")[0] in METHODS
    return of_stage or record.metric in (*OF_FILES, *OF_MODEL, "sparsity")


def of_speech(take: Taker, speeches: Sequence[Speech]) -> Iterator[Record]:
    """Says of each sentence whether it failed, how long it is and where attention went."""
    for number, speech in enumerate(speeches, 1):
        yield take("failed", float(speech.failure is not None), number, "fraction")
        yield take("seconds", speech.seconds, number, "s")
        if speech.alignment is not None and bool(torch.isfinite(speech.alignment).all()):
            for name in OF_ATTENTION:
                value = METRICS[name].measure(speech.alignment, *speech.alignment.shape)
                yield take(name, value, number)
            early = METRICS["early_stop"].measure
            value = early(speech.alignment, *speech.alignment.shape, speech.stopped)
            yield take("early_stop", value, number)
        if speech.alignment is not None:
            yield take("no_stop", METRICS["no_stop"].measure(speech.stopped), number)


def of_work(take: Taker, model: nn.Module, speeches: Sequence[Speech]) -> Iterator[Record]:
    """Counts the multiply-accumulates of each sentence that did not fail, and for a second."""
    spoken = _spoken(speeches)
    seconds = [speech.seconds for speech in spoken.values()]
    counts: dict[str, list[float]] = {name: [] for name in OF_WORK}
    for number, speech in spoken.items():
        layers = sentence_macs(model, len(speech.ids), speech.mel.shape[1])
        for name, taken in counts.items():
            taken.append(METRICS[name].measure(layers))
            yield take(name, taken[-1], number)
    if spoken:
        for name, taken in counts.items():
            per_second = f"{name}_per_second"
            yield take(per_second, METRICS[per_second].measure(taken, seconds))


def distances(
    take: Taker, candidate: Reference, reference: Reference, suffix: str = ""
) -> Iterator[Record]:
    """Gives the distances of each sentence; none of one that has nothing finite to compare."""
    pairs = zip(
        candidate.speeches, reference.speeches, candidate.aligned, reference.aligned, strict=True
    )
    mel_mae_db, mcd_dtw_db = METRICS["mel_mae_db"].measure, METRICS["mcd_dtw_db"].measure
    for number, (ours, theirs, our_mel, their_mel) in enumerate(pairs, 1):
        if our_mel.shape[1] and is_finite(our_mel) and is_finite(their_mel):
            yield take(f"mel_mae_db{suffix}", mel_mae_db(our_mel, their_mel), number, "dB")
        if ours.audible and theirs.audible:
            yield take(f"mcd_dtw_db{suffix}", mcd_dtw_db(ours.mel, theirs.mel), number, "dB")


def with_seed(model: nn.Module, dense: Reference, seed: int) -> Reference | None:
    """Gives what the dense network says with another seed; None if seeds change nothing."""
    other = speak(model, [speech.text for speech in dense.speeches], seed)
    if all(torch.equal(a.mel, b.mel) for a, b in zip(other, dense.speeches, strict=True)):
        return None
    return Reference(other, follow(model, dense.speeches, seed))


def timings(
    take: Taker,
    ours: tuple[nn.Module, Sequence[Speech]],
    dense: tuple[nn.Module, Sequence[Speech]] | None,
    seed: int,
) -> Iterator[Record]:
    """Gives time and memory of the acoustic network for a sentence of median length.

    Beside the dense network, the two take turns on a sentence that both speak; each time is
    divided by the length of that network's own speech.

    Args:
        take: Makes the records.
        ours: The network and its speech.
        dense: The same of the dense network; None if it is the one that is timed.
        seed: Seed of dropout.
    """
    spoken = _spoken(ours[1])
    common = spoken.keys() & _spoken(dense[1] if dense else ours[1]).keys()
    if not spoken:
        return
    number = _typical({n: spoken[n] for n in common or spoken})
    speaker = _speaker(*ours, number, seed)
    yield take("peak_memory_bytes", METRICS["peak_memory_bytes"].measure(speaker[0]))
    if dense is None or not common:
        (factors,) = take_turns(speaker)
    else:
        factors, dense_factors = take_turns(speaker, _speaker(*dense, number, seed))
        factor = METRICS["real_time_factor"].measure(dense_factors)
        yield take("real_time_factor_dense", factor, unit=METRICS["real_time_factor"].unit)
        yield take("speedup", METRICS["speedup"].measure(factors, dense_factors))
    yield take("real_time_factor", METRICS["real_time_factor"].measure(factors))


def _spoken(speeches: Sequence[Speech]) -> dict[int, Speech]:
    """Gives the sentences that did not fail, by number."""
    return {number: s for number, s in enumerate(speeches, 1) if s.failure is None}


def _typical(spoken: Mapping[int, Speech]) -> int:
    """Gives the number of a sentence of median length in symbols, which no pruning changes."""
    by_length = sorted(spoken, key=lambda number: len(spoken[number].ids))
    return by_length[(len(by_length) - 1) // 2]


def _speaker(model: nn.Module, speeches: Sequence[Speech], number: int, seed: int) -> Speaker:
    speech = speeches[number - 1]
    return partial(speak, model, [speech.text], seed), speech.seconds
