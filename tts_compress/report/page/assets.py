"""The sound and the pictures of a run, as files beside the page."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tts_compress.files import replaced
from tts_compress.report.names import Names
from tts_compress.report.page import images

LISTED = ".report-files"  # names what a report wrote, so that the next one can remove it
Arrays = dict[str, NDArray[np.generic]]


@dataclass
class Pictures:
    """Addresses of the pictures of one sentence, and how many frames they are wide."""

    mel: str | None = None
    difference: str | None = None
    alignment: str | None = None
    frames: int | None = None
    difference_frames: int | None = None


@dataclass
class Folder:
    """The folder of the page; gives addresses relative to it.

    Attributes:
        path: Where it is.
        names: Names of the runs' folders there, by their ids.
        written: Addresses of all that was put there.
    """

    path: Path
    names: Names = field(default_factory=Names)
    written: set[str] = field(default_factory=set)

    def audio(self, wav: Path, key: str, number: int) -> str:
        """Puts a wav beside the page: the same file by another name, or a copy of it."""
        address = f"audio/{self.names.of(key)}/{number:03d}.wav"
        self.written.add(address)
        target = self.path / address
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        try:
            os.link(wav, target)
        except OSError:  # another file system, or one without links
            shutil.copyfile(wav, target)
        return address

    def pictures(self, arrays: Arrays, dense: Arrays | None, key: str, number: int) -> Pictures:
        """Draws what there is of a sentence.

        Args:
            arrays: What ``mels.safetensors`` of the run holds.
            dense: That of the dense run, which the difference is taken to; None of itself.
            key: The run's id.
            number: Number of the sentence, from 1.
        """
        made, place = Pictures(), f"{number - 1:03d}"
        stem = f"images/{self.names.of(key)}/{number:03d}"
        (self.path / stem).parent.mkdir(parents=True, exist_ok=True)
        mel = _array(arrays, f"{place}.mel")
        if mel is not None:
            made.mel, made.frames = f"{stem}-mel.png", mel.shape[1]
            images.write_mel(mel, self.path / made.mel)
        ours = _array(arrays, f"{place}.aligned")
        theirs = _array(dense, f"{place}.aligned") if dense is not None else None
        if ours is not None and theirs is not None:
            made.difference = f"{stem}-difference.png"
            made.difference_frames = min(ours.shape[1], theirs.shape[1])
            images.write_difference(ours, theirs, self.path / made.difference)
        alignment = _array(arrays, f"{place}.alignment")
        if alignment is not None:
            made.alignment = f"{stem}-alignment.png"
            images.write_alignment(alignment, self.path / made.alignment)
        self.written |= {found for found in (made.mel, made.difference, made.alignment) if found}
        return made

    def clear(self) -> None:
        """Removes what an earlier report put there and this one did not, and nothing else."""
        listed, root = self.path / LISTED, self.path.resolve()
        before = listed.read_text(encoding="utf-8").splitlines() if listed.is_file() else []
        for address in set(before) - self.written:
            stale = (self.path / address).resolve()
            if not stale.is_relative_to(root) or not stale.is_file():
                continue
            stale.unlink()
            if stale.parent != root and not any(stale.parent.iterdir()):
                stale.parent.rmdir()
        with replaced(listed) as partial:
            partial.write_text("".join(f"{a}\n" for a in sorted(self.written)), encoding="utf-8")


def _array(arrays: Arrays, name: str) -> images.Mel | None:
    """Gives an array of two axes that has something in it."""
    found = arrays.get(name)
    if found is None or found.ndim != 2 or not found.size:
        return None
    return found.astype(np.float32)
