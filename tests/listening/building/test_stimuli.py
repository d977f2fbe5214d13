"""Anchors, loudness, and sound that neither clicks nor tells what it is."""

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import freqz, oaconvolve

from tests.listening.material import RATE, speech
from tts_compress.errors import AudioError, ListeningError
from tts_compress.listening.building.headphones import REQUIRED, make_check, tones
from tts_compress.listening.building.stimuli import (
    CEILING,
    LAST_MODIFIED,
    Sound,
    Sounds,
    finished,
    loudness,
    low_pass,
    low_pass_filter,
    modulated_noise,
    read_wav,
    resample,
)


def response(rate, cutoff):
    """Frequencies in Hz and gains in dB of the anchor's filter."""
    frequencies, gains = freqz(low_pass_filter(rate, cutoff), worN=2**14, fs=rate)
    return frequencies, 20 * np.log10(np.abs(gains) + 1e-12)


@pytest.mark.parametrize("rate", [16000, 22050, 24000, 44100, 48000])
def test_the_low_anchor_is_in_the_mask_of_bs_1534(rate):
    frequencies, gains = response(rate, 3500)
    assert np.abs(gains[frequencies <= 3500]).max() <= 0.1
    assert gains[frequencies >= 4000].max() <= -25
    assert gains[frequencies >= 4500].max() <= -50


@pytest.mark.parametrize("rate", [16000, 22050, 48000])
def test_the_mid_anchor_has_the_same_mask_at_twice_the_frequencies(rate):
    frequencies, gains = response(rate, 7000)
    assert np.abs(gains[frequencies <= 7000]).max() <= 0.1
    assert gains[frequencies >= 8000].max(initial=-99) <= -25
    assert gains[frequencies >= 9000].max(initial=-99) <= -50


def test_an_anchor_has_no_delay_and_the_length_of_the_reference():
    pulse = np.zeros(1001)
    pulse[500] = 1.0
    filtered = low_pass(pulse, RATE, 3500)
    assert len(filtered) == 1001
    assert np.argmax(filtered) == 500
    assert filtered[:500] == pytest.approx(filtered[501:][::-1], abs=1e-12)


def test_an_anchor_needs_sound_above_it():
    with pytest.raises(ListeningError, match=r"anchors: 7000 Hz needs .* 16000 Hz or more, got 8"):
        low_pass(np.zeros(100), 8000, 7000)


def test_full_scale_at_997_hz_is_minus_3_lufs():
    """BS.1770: a sine of 997 Hz and 0 dB of full scale in one channel is at -3.01 LKFS."""
    sine = np.sin(2 * np.pi * 997 * np.arange(48000 * 2) / 48000)
    assert loudness(sine, 48000) == pytest.approx(-3.01, abs=0.05)


@pytest.mark.parametrize("seconds", [0.01, 0.1, 0.39, 0.41])
def test_short_sounds_have_the_loudness_of_long_ones(seconds):
    sine = np.sin(2 * np.pi * 1000 * np.arange(int(seconds * 48000)) / 48000)
    assert loudness(sine, 48000) == pytest.approx(-3.0, abs=0.1)


def test_silence_has_no_loudness():
    assert loudness(np.zeros(RATE), RATE) == -np.inf


def sounds_of(*waves, rate=RATE):
    sounds = Sounds(rate, np.random.default_rng(0))
    for number, wave in enumerate(waves):
        sounds.add(Sound(lambda wave=wave: wave, rate), f"system {number}", "system", 1)
    return sounds


def test_all_sounds_come_out_equally_loud(tmp_path):
    sounds = sounds_of(*(speech(n, 1.0 + 0.3 * n, level=0.3**n) for n in range(4)))
    target, system = sounds.loudness(-23)
    assert (target, system) == (-23, "")
    for stimulus in sounds.write(tmp_path / "audio", target):
        wave, rate = read_wav(tmp_path / "audio" / f"{stimulus.id}.wav")
        assert rate == RATE
        assert loudness(wave, rate) == pytest.approx(-23, abs=0.3)


def test_one_sound_that_would_clip_makes_all_less_loud(tmp_path):
    spiky = speech(1) * 0.01
    spiky[5000] = 1.0
    sounds = sounds_of(speech(0), spiky)
    target, system = sounds.loudness(-23)
    assert system == "system 1"
    assert target < -23
    stimuli = sounds.write(tmp_path / "audio", target)
    waves = {s.system: read_wav(tmp_path / "audio" / f"{s.id}.wav")[0] for s in stimuli}
    assert np.abs(waves["system 1"]).max() == pytest.approx(10 ** (CEILING / 20), abs=1e-3)
    assert loudness(waves["system 0"], RATE) == pytest.approx(target, abs=0.3)


def test_silence_stays_silent_and_is_named(tmp_path):
    sounds = sounds_of(speech(0), np.zeros(RATE))
    assert sounds.silent() == ["system 1"]
    stimuli = sounds.write(tmp_path / "audio", -23)
    silent = next(s for s in stimuli if s.system == "system 1")
    assert np.abs(read_wav(tmp_path / "audio" / f"{silent.id}.wav")[0]).max() <= 2 / 32768


@given(st.integers(2, 3000), st.sampled_from([8000, 22050]))
@settings(max_examples=30, deadline=None)
def test_sounds_begin_and_end_at_nothing(n, rate):
    samples = finished(np.full(n, 0.9), rate, np.random.default_rng(n))
    assert len(samples) >= n
    assert abs(int(samples[0])) <= 2
    assert abs(int(samples[-1])) <= (2 if n > 2 else 32767)
    steps = np.abs(np.diff(samples[: n // 2].astype(int)))
    if n > 0.01 * rate:  # there is room for the whole fade
        assert steps.max(initial=0) < 0.9 * 32767 * np.pi / 2 / (0.005 * rate) + 3


def test_copies_of_one_sound_differ_in_length_and_bytes_and_not_to_the_ear(tmp_path):
    wave = speech(3)
    stimuli = sounds_of(*[wave] * 12).write(tmp_path / "audio", -23)
    files = [tmp_path / "audio" / f"{s.id}.wav" for s in stimuli]
    assert len({file.read_bytes() for file in files}) == 12
    assert len({file.stat().st_size for file in files}) > 8
    assert {file.stat().st_mtime for file in files} == {LAST_MODIFIED}
    decoded = [read_wav(file)[0][: len(wave)] for file in files]
    assert max(np.abs(one - decoded[0]).max() for one in decoded) <= 3 / 32768


def test_a_file_is_a_header_and_samples_alone(tmp_path):
    [stimulus] = sounds_of(speech(0)).write(tmp_path / "audio", -23)
    raw = (tmp_path / "audio" / f"{stimulus.id}.wav").read_bytes()
    info = soundfile.info(tmp_path / "audio" / f"{stimulus.id}.wav")
    assert (raw[:4], raw[8:16], raw[36:40]) == (b"RIFF", b"WAVEfmt ", b"data")
    assert len(raw) == 44 + 2 * info.frames
    assert info.subtype == "PCM_16"
    assert stimulus.seconds == pytest.approx(info.frames / RATE, abs=1e-4)


def test_noise_follows_the_speech():
    wave = speech(0, 2.0)
    noise = modulated_noise(wave, 5, np.random.default_rng(0)) - wave
    assert 10 * np.log10(np.mean(wave**2) / np.mean(noise**2)) == pytest.approx(5, abs=1e-6)
    quiet = np.abs(wave) < 1e-3
    assert np.abs(noise[quiet]).max() < 1e-3


def test_resampling_keeps_tones_and_length():
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    doubled = resample(tone, 16000, 22050)
    assert len(doubled) == 22050
    expected = np.sin(2 * np.pi * 1000 * np.arange(22050) / 22050)
    assert doubled[500:-500] == pytest.approx(expected[500:-500], abs=2e-3)


def test_what_is_no_mono_sound_is_refused(tmp_path):
    path = tmp_path / "x.wav"
    with pytest.raises(AudioError, match=r"x.wav: cannot be read as sound"):
        read_wav(path)
    path.write_text("no sound")
    with pytest.raises(AudioError, match=r"x.wav: cannot be read as sound"):
        read_wav(path)
    soundfile.write(path, np.zeros((10, 2)), RATE)
    with pytest.raises(AudioError, match=r"x.wav: must be mono .* got shape \(10, 2\)"):
        read_wav(path)
    soundfile.write(path, np.zeros(0), RATE)
    with pytest.raises(AudioError, match=r"x.wav: must be mono .* got shape \(0, 1\)"):
        read_wav(path)


# The headphone check.


def levels(wave):
    """Level of each of three tones in the middle of it, in dB of full scale, ``(3, channels)``."""
    middles = [int((1.5 * n + 0.2) * RATE) for n in range(3)]
    parts = [wave[start : start + int(0.6 * RATE)] for start in middles]
    return np.array([10 * np.log10(np.mean(part**2, axis=0) + 1e-12) for part in parts])


def test_the_quiet_tone_is_6_db_lower_at_each_ear():
    left, right = levels(tones(("loud", "quiet", "opposite"), RATE)).T
    assert left - left[0] == pytest.approx([0, -6, 0], abs=0.01)
    assert right - right[0] == pytest.approx([0, -6, 0], abs=0.01)


def test_over_a_loudspeaker_the_opposite_tone_seems_the_quietest():
    wave = tones(("quiet", "opposite", "loud"), RATE)
    [mixed] = levels(wave.sum(axis=1, keepdims=True)).T
    assert np.argmin(mixed) == 1


def test_the_tones_are_200_hz():
    wave = tones(("loud", "quiet", "opposite"), RATE)[:RATE, 0]
    assert np.argmax(np.abs(np.fft.rfft(wave))) == 200


def test_the_right_choice_of_each_order_is_known(tmp_path):
    sounds = Sounds(RATE, np.random.default_rng(0))
    page, right = make_check(sounds)
    assert page["required"] == REQUIRED == 5
    assert sorted(right.values()) == [0, 0, 1, 1, 2, 2]
    sounds.write(tmp_path / "audio", -23)
    for trial in page["trials"]:
        wave, _ = soundfile.read(tmp_path / "audio" / f"{trial['audio']}.wav")
        assert np.argmin(levels(wave)[:, 0]) == right[trial["id"]]


def test_a_filter_is_what_convolution_with_it_says():
    wave = speech(5)
    taps = low_pass_filter(RATE, 3500)
    whole = oaconvolve(wave, taps)
    assert low_pass(wave, RATE, 3500) == pytest.approx(
        whole[len(taps) // 2 : len(taps) // 2 + len(wave)], abs=1e-12
    )
