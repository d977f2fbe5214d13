"""The speech synthesizer flite, called directly: text in, samples and timed phones out.

Loading its shared libraries with ctypes needs no compiler and no process per sentence, and one
process reads about 40 times faster than one listens.

Source: flite 2.2 (https://github.com/festvox/flite), include/cst_item.h, cst_utterance.h and
cst_wave.h.
"""

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_compress.errors import CorpusError


@dataclass(frozen=True)
class Segment:
    """One phone in flite's notation, or a pause (its ``word`` is None).

    ``end`` is in seconds, ``stress`` the digit of its syllable, and ``word`` a position in the
    spoken words.
    """

    name: str
    end: float
    stress: str
    word: int | None


@dataclass(frozen=True)
class Reading:
    """What flite made of a text: samples, the words it spoke, and their phones in order."""

    samples: NDArray[np.int16]
    sample_rate: int
    words: tuple[str, ...]
    segments: tuple[Segment, ...]


class _Wave(ctypes.Structure):
    """The struct cst_wave."""

    _fields_ = (
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    )


class Flite:
    """One of flite's American voices, such as "slt" or "rms", loaded into this process.

    Raises:
        CorpusError: flite's shared libraries are not installed, or have no such voice.
    """

    def __init__(self, voice: str) -> None:
        self._library, voice_library = _load(voice)
        pointer, string, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
        self._synthesize = self._function("flite_synth_text", pointer, string, pointer)
        self._delete = self._function("delete_utterance", None, pointer)
        self._relation = self._function("utt_relation", pointer, pointer, string)
        self._head = self._function("relation_head", pointer, pointer)
        self._next = self._function("item_next", pointer, pointer)
        self._string = self._function("ffeature_string", string, pointer, string)
        self._float = self._function("ffeature_float", ctypes.c_float, pointer, string)
        self._item = self._function("path_to_item", pointer, pointer, string)
        self._equal = self._function("item_equal", number, pointer, pointer)
        self._wave = self._function("utt_wave", ctypes.POINTER(_Wave), pointer)
        self._function("flite_init", number)()
        register = voice_library[f"register_cmu_us_{voice}"]
        register.restype, register.argtypes = pointer, (pointer,)
        self._voice = register(None)

    def read(self, text: str) -> Reading:
        """Speak a text; a clitic that flite keeps apart ("'s") belongs to the word before."""
        utterance = self._synthesize(text.encode("ascii"), self._voice)
        try:
            wave = self._wave(utterance).contents
            samples = np.ctypeslib.as_array(wave.samples, (wave.num_samples,)).copy()
            items = list(self._items(utterance, b"Word"))
            names = [self._feature(item, b"name") for item in items]
            spoken: list[str] = []
            positions = []
            for name in names:
                if name.startswith("'") and spoken:
                    spoken[-1] += name
                else:
                    spoken.append(name)
                positions.append(len(spoken) - 1)
            segments = tuple(self._segments(utterance, items, positions))
            return Reading(samples, wave.sample_rate, tuple(spoken), segments)
        finally:
            self._delete(utterance)

    def _segments(
        self, utterance: int, items: list[int], positions: list[int]
    ) -> Iterator[Segment]:
        at = 0
        for segment in self._items(utterance, b"Segment"):
            item = self._item(segment, b"R:SylStructure.parent.parent")
            while item and not self._equal(item, items[at]):
                at += 1
            yield Segment(
                name=self._feature(segment, b"name"),
                end=self._float(segment, b"end"),
                stress=self._feature(segment, b"R:SylStructure.parent.stress"),
                word=positions[at] if item else None,
            )

    def _items(self, utterance: int, relation: bytes) -> Iterator[int]:
        item = self._head(self._relation(utterance, relation))
        while item:
            yield item
            item = self._next(item)

    def _feature(self, item: int, path: bytes) -> str:
        return str(self._string(item, path).decode("ascii"))

    def _function(self, name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
        function = self._library[name]
        function.restype, function.argtypes = result, arguments
        return function


def _load(voice: str) -> tuple[ctypes.CDLL, ctypes.CDLL]:
    """The engine, into which each library resolves its names, and the voice."""
    try:
        engine = ctypes.CDLL("libflite.so.1", mode=ctypes.RTLD_GLOBAL)
        for part in ("usenglish", "cmulex"):
            ctypes.CDLL(f"libflite_{part}.so.1", mode=ctypes.RTLD_GLOBAL)
        return engine, ctypes.CDLL(f"libflite_cmu_us_{voice}.so.1")
    except OSError as error:
        raise CorpusError(
            f"voice: flite has no such voice here ({error}), got {voice!r}."
            " Install the Debian package libflite1, which has awb, kal16, rms and slt."
        ) from error
