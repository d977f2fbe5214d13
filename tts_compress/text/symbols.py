"""The symbol tables of public checkpoints: a symbol's position is its id in the embedding."""

VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
"""ARPAbet vowels; in a pronunciation each carries a stress digit, 0, 1 or 2."""

CONSONANTS = (
    *("B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N"),
    *("NG", "P", "R", "S", "SH", "T", "TH", "V", "W", "Y", "Z", "ZH"),
)
"""ARPAbet consonants; they carry no stress."""

PHONES = tuple(sorted([*CONSONANTS, *(v + stress for v in VOWELS for stress in "012")]))
"""The 69 phones a pronunciation is made of, in alphabetical order."""

ARPABET = tuple(sorted([*PHONES, *VOWELS]))
"""The 84 ARPAbet symbols of keithito's table: ``PHONES`` and the vowels without stress.

Source: ``valid_symbols`` of NVIDIA/tacotron2 and ming024/FastSpeech2, text/cmudict.py.
"""

_PAD = "_"
_CHARACTERS = "-!'(),.:;? ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_PINYIN_INITIALS = (*"bc", "ch", *"dfghjklmnpqrs", "sh", *"twxyz", "zh")
_PINYIN_FINALS = (
    *("a", "ai", "an", "ang", "ao", "e", "ei", "en", "eng", "er"),
    *("i", "ia", "ian", "iang", "iao", "ie", "ii", "iii", "in", "ing", "iong", "iou"),
    *("o", "ong", "ou", "u", "ua", "uai", "uan", "uang", "uei", "uen", "uo"),
    *("v", "van", "ve", "vn"),
)
_PINYIN = (*_PINYIN_INITIALS, *(final + tone for final in _PINYIN_FINALS for tone in "12345"), "rr")

TACOTRON2_SYMBOLS = (_PAD, *_CHARACTERS, *(f"@{phone}" for phone in ARPABET))
"""The 148 symbols of NVIDIA's Tacotron 2; phones carry ``@``.

Source: NVIDIA/tacotron2, text/symbols.py.
"""

FASTSPEECH2_SYMBOLS = (*TACOTRON2_SYMBOLS, *(f"@{p}" for p in _PINYIN), "@sp", "@spn", "@sil")
"""The 360 symbols of ming024's FastSpeech 2: Tacotron 2's, Mandarin pinyin, and three silences.

Source: ming024/FastSpeech2, text/symbols.py and text/pinyin.py.
"""
