"""Texts to the integer ids that each architecture's embedding expects."""

import re
from collections.abc import Sequence
from typing import Literal

from tts_compress.errors import TextError, nearest
from tts_compress.text.phones import Token, phonemize, split_braces
from tts_compress.text.symbols import FASTSPEECH2_SYMBOLS, TACOTRON2_SYMBOLS

_TACOTRON2_IDS = {symbol: i for i, symbol in enumerate(TACOTRON2_SYMBOLS)}
_FASTSPEECH2_IDS = {symbol: i for i, symbol in enumerate(FASTSPEECH2_SYMBOLS)}


def tacotron2_ids(text: str, mode: Literal["characters", "phones"] = "characters") -> list[int]:
    """Ids of an English text for Tacotron 2.

    Args:
        text: Any English; phones can be given in braces, such as ``{HH AH0 L OW1}``.
        mode: ``characters`` feeds cleaned letters as NVIDIA's checkpoint was trained, where the
            double quotation mark is no symbol; ``phones`` feeds each word's phones, and a full
            stop where the text has no mark at its end, since a network that learned from whole
            sentences ends where they do.

    Raises:
        TextError: There is nothing to speak, a brace is left open, or the mode or a phone is
            unknown.

    >>> tacotron2_ids("Hi!")
    [45, 46, 2]
    >>> tacotron2_ids("Hi!", mode="phones")
    [106, 86, 2]
    """
    if mode == "phones":
        tokens = phonemize(text)
        closing = (Token(".", ()),) if tokens[-1].phones else ()
        return tacotron2_text_to_ids(tokens_to_tacotron2((*tokens, *closing)))
    if mode != "characters":
        known = nearest(mode, ("characters", "phones"))
        raise TextError(f"text: unknown mode, got {mode!r}. {known}")
    written = "".join(piece for piece, _ in split_braces(text)).replace('"', "")
    if not re.search("[a-zA-Z]", written):
        raise TextError(f"text: nothing to speak, got {text!r}. Give at least one word.")
    return tacotron2_text_to_ids(written)


def fastspeech2_ids(text: str) -> list[int]:
    """Ids of an English text's phones for FastSpeech 2, with ``sp`` where it pauses.

    Raises:
        TextError: There is nothing to speak, a brace is left open, or a phone is unknown.

    >>> fastspeech2_ids("Hi, hi!")
    [106, 86, 357, 106, 86]
    """
    return [_FASTSPEECH2_IDS[f"@{phone}"] for phone in tokens_to_fastspeech2(phonemize(text))]


def tokens_to_tacotron2(tokens: Sequence[Token]) -> str:
    """Tokens as Tacotron 2 reads them: one braced group a word, punctuation after the word.

    >>> tokens_to_tacotron2(phonemize("Hello, world."))
    '{HH AH0 L OW1}, {W ER1 L D}.'
    """
    parts = [f" {{{' '.join(t.phones)}}}" if t.phones else t.text for t in tokens]
    return "".join(parts).lstrip()


def tacotron2_text_to_ids(text: str) -> list[int]:
    """Ids of a text that needs no cleaning, with phones in braces.

    Raises:
        TextError: A symbol or a phone in braces is not in the table.

    Source: NVIDIA/tacotron2, text/__init__.py, ``text_to_sequence`` (which drops such symbols).

    >>> tacotron2_text_to_ids("{HH AY1}, a")
    [106, 86, 6, 11, 38]
    """
    symbols: list[str] = []
    for piece in re.split(r"(\{[^{}]*\})", text):
        symbols += [f"@{p}" for p in piece[1:-1].split()] if piece[:1] == "{" else piece
    for symbol in symbols:
        if symbol not in _TACOTRON2_IDS or symbol == "_":
            raise TextError(f"text: unknown symbol, got {symbol!r}. {_known_like(symbol)}")
    return [_TACOTRON2_IDS[symbol] for symbol in symbols]


def _known_like(symbol: str) -> str:
    if symbol.startswith("@"):
        return nearest(symbol, (known for known in TACOTRON2_SYMBOLS if known[0] == "@"))
    return "Known: letters, the space and !'(),-.:;?; english_cleaners leaves only these and \"."


def tokens_to_fastspeech2(tokens: Sequence[Token]) -> list[str]:
    """Phones of the tokens, with one ``sp`` for each run of punctuation between words.

    >>> tokens_to_fastspeech2(phonemize("Hi... hi!"))
    ['HH', 'AY1', 'sp', 'HH', 'AY1']
    """
    phones: list[str] = []
    pause = False
    for token in tokens:
        if token.phones:
            phones += ["sp", *token.phones] if pause and phones else token.phones
        pause = not token.phones
    return phones
