"""The sound and the pictures of a run, as files beside the page."""

import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tts_compress.report.page import images

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
        names: Names that were given to runs there, by their ids.
    """

    path: Path
    names: dict[str, str] = field(default_factory=dict)

    def name(self, key: str) -> str:
        """Gives the name of a run's folders: of letters and digits only, and its own.

        >>> folder = Folder(Path("report"))
        >>> folder.name("317f5893fa5a"), folder.name("../a"), folder.name(".a")
        ('317f5893fa5a', '-a', '-a-2')
        """
        if key not in self.names:
            plain = re.sub(r"[^A-Za-z0-9_-]+", "-", key)[:60] or "run"
            taken, count = set(self.names.values()), 2
            name = plain
            while name in taken:
                name, count = f"{plain}-{count}", count + 1
            self.names[key] = name
        return self.names[key]

    def audio(self, wav: Path, key: str, number: int) -> str:
        """Puts a wav beside the page: the same file by another name, or a copy of it."""
        address = f"audio/{self.name(key)}/{number:03d}.wav"
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
        stem = f"images/{self.name(key)}/{number:03d}"
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
        return made


def _array(arrays: Arrays, name: str) -> images.Mel | None:
    """Gives an array of two axes that has something in it."""
    found = arrays.get(name)
    if found is None or found.ndim != 2 or not found.size:
        return None
    return found.astype(np.float32)
