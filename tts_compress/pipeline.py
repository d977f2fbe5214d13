"""One run, from checkpoint to records: the only place that knows the order of the steps."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tts_compress import artifact
from tts_compress.architectures.checkpoints import load_model
from tts_compress.audio.wav import write_wav
from tts_compress.methods.base import Context
from tts_compress.metrics import attention, cost
from tts_compress.metrics.mel import mcd_dtw_db, mel_mae_db
from tts_compress.recipe import Run
from tts_compress.records import Record, write_records
from tts_compress.synthesis import Speech, follow, speak, vocoder

ATTENTION: dict[str, Callable[[Tensor, int, int], float]] = {
    "attention_jumps_back": attention.attention_jumps_back,
    "attention_skips": attention.attention_skips,
    "attention_reach": attention.attention_reach,
    "attention_focus": attention.attention_focus,
}
UNITS = {"mcd_dtw_db": "dB", "mel_mae_db": "dB", "attention_jumps_back": "frames"}


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
        save_file(tensors, path)

    @classmethod
    def load(cls, path: Path, sentences: Sequence[str]) -> "Reference":
        """Reads what `save` wrote; the failures, which are the reference's own, are not kept."""
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
    model = load_model(run.model.path, run.model.config, device=device)
    changes = tuple(change for stage in run.stages for change in stage(model, context))
    saved = artifact.save(folder / "artifact", model, changes)
    gzipped = artifact.save_public_checkpoint(folder / "checkpoint.pt.gz", model)
    model = artifact.load_model(folder / "artifact").to(device).eval()

    sentences, seed = run.evaluate.sentences, run.evaluate.seed
    speeches = speak(model, sentences, seed)
    dense = Reference.load(reference, sentences) if reference else None
    aligned = follow(model, dense.speeches if dense else speeches, seed)
    spoken = Reference(speeches, aligned)
    spoken.save(folder / "mels.safetensors")
    _write_wavs(run, folder / "wavs", speeches, device)

    records = [
        *_sizes(run, model, changes, saved.n_bytes, gzipped),
        *_speech(run, speeches),
        *(_distances(run, spoken, dense or spoken)),
    ]
    if dense is None:
        records += _noise_floor(run, model, spoken)
    write_records(folder / "records.jsonl", records)
    write_records(folder / "timings.jsonl", _timings(run, model, speeches))
    done = folder / "DONE.tmp"
    done.write_text(run.name + "\n", encoding="utf-8")
    done.replace(folder / "DONE")


def _write_wavs(run: Run, folder: Path, speeches: Sequence[Speech], device: str) -> None:
    folder.mkdir()
    given = run.evaluate.vocoder
    generator = load_model(given.path, given.config, device=device) if given else None
    audible = [(n, s) for n, s in enumerate(speeches, 1) if s.failure != "almost no frames"]
    wavs = vocoder(generator, run.evaluate.seed)([speech.mel for _, speech in audible])
    for (number, _), wav in zip(audible, wavs, strict=True):
        write_wav(folder / f"{number:03d}.wav", wav)


def _sizes(
    run: Run, model: nn.Module, changes: Sequence[object], artifact_bytes: int, gzipped: int
) -> Iterator[Record]:
    yield Record(run.id, "float32_bytes", None, cost.state_dict_bytes(model), "bytes")
    yield Record(run.id, "gzip_bytes", None, gzipped, "bytes")
    yield Record(run.id, "artifact_bytes", None, artifact_bytes, "bytes")
    yield Record(run.id, "n_parameters", None, cost.n_parameters(model), "weights")
    yield Record(run.id, "n_nonzero", None, cost.n_nonzero(model), "weights")
    names = sorted({name for change in changes for name in getattr(change, "layers", ())})
    if names:
        yield Record(run.id, "sparsity", None, cost.sparsity(model, names), "fraction")


def _speech(run: Run, speeches: Sequence[Speech]) -> Iterator[Record]:
    for number, speech in enumerate(speeches, 1):
        yield Record(run.id, "failed", number, float(speech.failure is not None), "fraction")
        yield Record(run.id, "seconds", number, speech.seconds, "s")
        if speech.alignment is not None:
            for name, measure in ATTENTION.items():
                value = measure(speech.alignment, *speech.alignment.shape)
                yield Record(run.id, name, number, value, UNITS.get(name, "fraction"))


def _distances(
    run: Run, candidate: Reference, reference: Reference, suffix: str = ""
) -> Iterator[Record]:
    """Distances of each sentence; none of one that has no frames to compare."""
    pairs = zip(
        candidate.speeches, reference.speeches, candidate.aligned, reference.aligned, strict=True
    )
    for number, (ours, theirs, our_mel, their_mel) in enumerate(pairs, 1):
        if our_mel.shape[1]:
            value = mel_mae_db(our_mel, their_mel)
            yield Record(run.id, f"mel_mae_db{suffix}", number, value, "dB")
        if ours.failure != "almost no frames" and theirs.failure != "almost no frames":
            value = mcd_dtw_db(ours.mel, theirs.mel)
            yield Record(run.id, f"mcd_dtw_db{suffix}", number, value, "dB")


def _noise_floor(run: Run, model: nn.Module, dense: Reference) -> list[Record]:
    """Distances of the dense network to itself with another seed, for those whose speech has one."""
    other = speak(model, run.evaluate.sentences, run.evaluate.seed + 1)
    if all(torch.equal(a.mel, b.mel) for a, b in zip(other, dense.speeches, strict=True)):
        return []
    aligned = follow(model, dense.speeches, run.evaluate.seed + 1)
    return list(_distances(run, Reference(other, aligned), dense, "_noise"))


def _timings(run: Run, model: nn.Module, speeches: Sequence[Speech]) -> Iterator[Record]:
    """The real-time factor of the acoustic network on the first sentence that it speaks."""
    for speech in speeches:
        if speech.failure is None:
            text, seed = [speech.text], run.evaluate.seed
            factor = cost.real_time_factor(
                lambda: speak(model, text, seed), speech.seconds, repeats=5
            )
            yield Record(run.id, "real_time_factor", None, factor, "s/s")
            return
