"""One run, from checkpoint to records: the only place that knows the order of the steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import safetensors.torch
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from tts_compress import artifact
from tts_compress.architectures.checkpoints import load_model
from tts_compress.audio.wav import write_wav
from tts_compress.methods.base import Change, Context
from tts_compress.metrics import METRICS
from tts_compress.recipe import Checkpoint, Run
from tts_compress.records import Record, write_records
from tts_compress.synthesis import Speech, Vocoder, follow, is_finite, speak, vocoder

OF_MODEL = ("state_dict_bytes", "n_parameters", "n_nonzero")
OF_ATTENTION = (
    "attention_jumps_back",
    "attention_skips",
    "attention_reach",
    "attention_focus",
)


@dataclass(frozen=True)
class Reference:
    """What a candidate is compared against: the speech of the dense network.

    Attributes:
        speeches: Each sentence as it speaks freely.
        aligned: Log-mels of each sentence in the timing of `speeches`, ``(n_mels, frames)``.
    """

    speeches: Sequence[Speech]
    aligned: Sequence[Tensor]

    def save(self, path: Path) -> None:
        """Writes every tensor to one safetensors file."""
        tensors: dict[str, Tensor] = {}
        for number, (speech, aligned) in enumerate(zip(self.speeches, self.aligned, strict=True)):
            parts = {"ids": speech.ids, "mel": speech.mel, "aligned": aligned}
            parts |= {"durations": speech.durations} if speech.durations is not None else {}
            parts |= {"alignment": speech.alignment} if speech.alignment is not None else {}
            tensors |= {f"{number:03d}.{name}": t.contiguous() for name, t in parts.items()}
        path.write_bytes(safetensors.torch.save(tensors))

    @classmethod
    def load(cls, path: Path, sentences: Sequence[str]) -> "Reference":
        """Reads what `save` wrote; which sentences never stopped is not kept."""
        tensors = load_file(path)
        speeches = [
            Speech(
                text,
                tensors[f"{number:03d}.ids"],
                tensors[f"{number:03d}.mel"],
                tensors.get(f"{number:03d}.alignment"),
                tensors.get(f"{number:03d}.durations"),
            )
            for number, text in enumerate(sentences)
        ]
        return cls(speeches, [tensors[f"{n:03d}.aligned"] for n in range(len(sentences))])


def execute(run: Run, folder: Path, context: Context, reference: Path | None, device: str) -> None:
    """Does every step of a run and leaves its files in `folder`; the marker DONE is written last.

    Args:
        run: What to do.
        folder: The run's own folder, empty.
        context: What stages share over the runs of a sweep.
        reference: ``mels.safetensors`` of the dense run, or None if this is the dense run.
        device: Where torch runs.
    """
    given, seed = run.model, run.evaluate.seed
    model = load_model(given.path, given.config, device, architecture=given.architecture)
    vocode = _vocoder(run.evaluate.vocoder, seed, device)
    changes = tuple(change for stage in run.stages for change in stage(model, context))
    saved = artifact.save(folder / "artifact", model, changes, run=run)
    gzip_bytes = artifact.save_public_checkpoint(folder / "checkpoint.pt.gz", model)
    model = artifact.load_model(folder / "artifact").to(device)

    sentences = run.evaluate.sentences
    dense = Reference.load(reference, sentences) if reference else None
    speeches = speak(model, sentences, seed)
    spoken = Reference(speeches, follow(model, dense.speeches if dense else speeches, seed))
    spoken.save(folder / "mels.safetensors")
    _write_wavs(folder / "wavs", speeches, vocode)

    take = Taker(run.id)
    records = [
        take("gzip_bytes", gzip_bytes, unit="bytes"),
        take("artifact_bytes", saved.n_bytes, unit="bytes"),
        *_costs(take, model, changes),
        *_speech(take, speeches),
        *_distances(take, spoken, dense or spoken),
    ]
    if dense is None:
        records += _noise_floor(take, run, model, spoken)
    write_records(folder / "records.jsonl", records)
    write_records(folder / "timings.jsonl", _timings(take, run, model, speeches))
    done = folder / "DONE.tmp"
    done.write_text(run.name + "\n", encoding="utf-8")
    done.replace(folder / "DONE")


def _vocoder(given: Checkpoint | None, seed: int, device: str) -> Vocoder:
    if given is None:
        return vocoder(seed=seed)
    return vocoder(load_model(given.path, given.config, device, architecture="hifigan"), seed)


def _write_wavs(folder: Path, speeches: Sequence[Speech], vocode: Vocoder) -> None:
    folder.mkdir()
    audible = [(number, speech) for number, speech in enumerate(speeches, 1) if speech.audible]
    wavs = vocode([speech.mel for _, speech in audible])
    for (number, _), wav in zip(audible, wavs, strict=True):
        write_wav(folder / f"{number:03d}.wav", wav)


@dataclass(frozen=True)
class Taker:
    """Makes the records of one run; units are those of `METRICS` where it knows the metric."""

    run_id: str

    def __call__(
        self, metric: str, value: float, sentence: int | None = None, unit: str | None = None
    ) -> Record:
        """Gives a record of one value."""
        return Record(self.run_id, metric, sentence, value, unit or METRICS[metric].unit)


def _costs(take: Taker, model: nn.Module, changes: Sequence[Change]) -> Iterator[Record]:
    for name in OF_MODEL:
        yield take(name, METRICS[name].measure(model))
    if changes:
        names = sorted({change.layer for change in changes})
        yield take("sparsity", METRICS["sparsity"].measure(model, names))


def _speech(take: Taker, speeches: Sequence[Speech]) -> Iterator[Record]:
    for number, speech in enumerate(speeches, 1):
        yield take("failed", float(speech.failure is not None), number, "fraction")
        yield take("seconds", speech.seconds, number, "s")
        if speech.alignment is not None and bool(torch.isfinite(speech.alignment).all()):
            for name in OF_ATTENTION:
                value = METRICS[name].measure(speech.alignment, *speech.alignment.shape)
                yield take(name, value, number)


def _distances(
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


def _noise_floor(take: Taker, run: Run, model: nn.Module, dense: Reference) -> list[Record]:
    """Gives the distances of the dense network to itself with another seed, if seeds matter."""
    seed = run.evaluate.seed + 1
    other = speak(model, run.evaluate.sentences, seed)
    if all(torch.equal(a.mel, b.mel) for a, b in zip(other, dense.speeches, strict=True)):
        return []
    aligned = follow(model, dense.speeches, seed)
    return list(_distances(take, Reference(other, aligned), dense, "_noise"))


def _timings(
    take: Taker, run: Run, model: nn.Module, speeches: Sequence[Speech]
) -> Iterator[Record]:
    """Gives the real-time factor of the acoustic network on the first sentence that it speaks."""
    spoken = [speech for speech in speeches if speech.failure is None]
    if spoken:
        once = partial(speak, model, [spoken[0].text], run.evaluate.seed)
        factor = METRICS["real_time_factor"].measure(once, spoken[0].seconds)
        yield take("real_time_factor", factor)
