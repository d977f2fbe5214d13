from tts_compress.text.symbols import ARPABET, FASTSPEECH2_SYMBOLS, PHONES, TACOTRON2_SYMBOLS


def test_counts_are_those_of_the_public_embeddings():
    assert len(TACOTRON2_SYMBOLS) == len(set(TACOTRON2_SYMBOLS)) == 148
    assert len(FASTSPEECH2_SYMBOLS) == len(set(FASTSPEECH2_SYMBOLS)) == 360
    assert len(ARPABET) == 84
    assert len(PHONES) == 69


def test_tacotron2_positions():
    assert TACOTRON2_SYMBOLS[:12] == ("_", "-", "!", "'", "(", ")", ",", ".", ":", ";", "?", " ")
    positions = {"A": 12, "Z": 37, "a": 38, "z": 63, "@AA": 64, "@AA0": 65, "@B": 88, "@CH": 89}
    positions |= {"@HH": 106, "@NG": 120, "@UW2": 142, "@V": 143, "@ZH": 147}
    assert {symbol: TACOTRON2_SYMBOLS.index(symbol) for symbol in positions} == positions


def test_fastspeech2_positions():
    assert FASTSPEECH2_SYMBOLS[:148] == TACOTRON2_SYMBOLS
    positions = {"@b": 148, "@zh": 170, "@a1": 171, "@a5": 175, "@ai1": 176, "@vn5": 355}
    positions |= {"@rr": 356, "@sp": 357, "@spn": 358, "@sil": 359}
    assert {symbol: FASTSPEECH2_SYMBOLS.index(symbol) for symbol in positions} == positions


def test_only_vowels_carry_stress():
    assert {phone[:-1] for phone in PHONES if phone[-1].isdigit()} == set(ARPABET) - set(PHONES)
