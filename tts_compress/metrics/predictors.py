"""The networks of `tts_compress.metrics.naturalness`, and what each of them is given.

DNSMOS and Distill-MOS were run with their real weights and give what their authors' packages give
(benchmarks/measure_agreement.py). The weights of UTMOS and NISQA could not be had: what surrounds
their networks was run with other weights and agrees with the published code, their scores were
never compared.
"""

import warnings
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tts_compress.errors import ArtifactError, AudioError
from tts_compress.metrics.weights import OnnxNetwork, Wave, folder_of, weights_file


class Dnsmos:
    """DNSMOS P.835: speech, background and overall quality; and its P.808 forerunner.

    Trained on noisy speech and what noise suppressors made of it, so it hears noise and distortion
    and has no notion of prosody. Sound shorter than 9.01 s is repeated, longer sound is scored in
    steps of a second, as in its authors' code.

    Source: Reddy, Gopal and Cutler 2022, "DNSMOS P.835: a non-intrusive perceptual objective speech
    quality metric to evaluate noise suppressors"; microsoft/DNS-Challenge `DNSMOS/dnsmos_local.py`.
    """

    metrics = ("dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl", "dnsmos_p808")
    rate = 16000
    seconds = 9.01
    # Polynomials from the network's answers to scores, highest power first: get_polyfit_val.
    fits = (
        (-0.08397278, 1.22083953, 0.0052439),
        (-0.13166888, 1.60915514, -0.39604546),
        (-0.06766283, 1.11546468, 0.04602535),
    )

    def __init__(self, weights: Path | None = None) -> None:
        """Load ``sig_bak_ovr.onnx`` and ``model_v8.onnx``, from speechmos if no folder is named."""
        if weights is None:
            weights = folder_of("speechmos", "dnsmos") / "dnsmos_models"
        source = "https://github.com/microsoft/DNS-Challenge, folder DNSMOS/DNSMOS"
        self._p835 = OnnxNetwork(weights_file("dnsmos", weights, "sig_bak_ovr.onnx", source))
        self._p808 = OnnxNetwork(weights_file("dnsmos", weights, "model_v8.onnx", source))

    def __call__(self, wav: ArrayLike, sample_rate: int) -> dict[str, float]:
        """Scores of sound ``(samples,)`` in [-1, 1]."""
        scores = [self._score(part) for part in self._parts(_sound(wav, sample_rate, self.rate))]
        means = np.mean(scores, axis=0)
        return dict(zip(self.metrics, means.tolist(), strict=True))

    def _parts(self, sound: Wave) -> list[Wave]:
        """The sound in parts of 9.01 s."""
        length = int(self.seconds * self.rate)
        while len(sound) < length:
            sound = np.append(sound, sound)
        n_parts = int(len(sound) // self.rate - self.seconds) + 1
        # Ends are rounded as in the authors' code: from the eighth on, parts are a sample short
        # and fall out.
        ends = [int((part + self.seconds) * self.rate) for part in range(n_parts)]
        parts = [sound[part * self.rate : end] for part, end in enumerate(ends)]
        return [part for part in parts if len(part) >= length]

    def _score(self, part: Wave) -> list[float]:
        (answers,) = self._p835(part[None])
        mapped = [float(np.polyval(f, x)) for f, x in zip(self.fits, answers, strict=True)]
        return [*mapped, self._p808(self._mel(part[:-160])[None]).item()]

    def _mel(self, part: Wave) -> Wave:
        """Mel of power ``(frames, 120)``: 40 dB below the loudest is 0, the loudest is 1."""
        import librosa

        mel = librosa.feature.melspectrogram(
            y=part, sr=self.rate, n_fft=321, hop_length=160, n_mels=120
        )
        return np.asarray((librosa.power_to_db(mel, ref=np.max) + 40) / 40, np.float32).T


class DistillMos:
    """Distill-MOS: overall quality, learned from a larger network on wav2vec 2.0 XLS-R.

    Trained among others on the speech synthesis of the VoiceMOS Challenge 2022, on NISQA and on
    what noise suppressors made. Sound longer than 7.68 s is scored in segments.

    Source: Stahl and Gamper 2025, see `tts_compress.metrics.distillmos`.
    """

    metrics = ("distillmos",)
    rate = 16000

    def __init__(self, weights: Path | None = None) -> None:
        """Load ``distill_mos_v7.pt``, from the package distillmos if none is named."""
        import torch

        from tts_compress.metrics.distillmos import DistillMosNetwork

        spec = find_spec("distillmos") if weights is None else None
        if spec is not None and spec.submodule_search_locations:
            weights = Path(spec.submodule_search_locations[0]) / "weights"
        source = "the package distillmos (pip install --no-deps distillmos)"
        path = weights_file("distillmos", weights, "distill_mos_v7.pt", source)
        self._network = DistillMosNetwork().eval()
        try:
            found = torch.load(path, map_location="cpu", weights_only=True)["model"]
            self._network.load_state_dict(found)
        except (RuntimeError, KeyError, TypeError, UnpicklingError) as error:
            raise ArtifactError(
                f"distillmos: must be the weights of Distill-MOS v7, got {str(path)!r}. "
                f"Get distill_mos_v7.pt from {source}."
            ) from error

    def __call__(self, wav: ArrayLike, sample_rate: int) -> dict[str, float]:
        """Score of sound ``(samples,)`` in [-1, 1]."""
        import torch

        sound = torch.from_numpy(_sound(wav, sample_rate, self.rate))
        with torch.inference_mode():
            return {"distillmos": float(self._network(sound))}


class Utmos:
    """UTMOS, the strong learner of the VoiceMOS Challenge 2022: how natural synthetic speech is.

    Source: Saeki et al. 2022, "UTMOS: UTokyo-SaruLab system for VoiceMOS Challenge 2022".
    """

    metrics = ("utmos",)
    rate = 16000
    shortest = 400  # samples of the first frame of wav2vec 2.0

    def __init__(self, weights: Path | None = None) -> None:
        """Load the TorchScript file ``utmos_scripted.pt``."""
        import torch

        source = "https://huggingface.co/Blinorot/UTMOS-PyTorch"
        path = weights_file("utmos", weights, "utmos_scripted.pt", source)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the file has no other form
            try:
                load: Any = torch.jit.load
                self._network = load(path, map_location="cpu").eval()
            except RuntimeError as error:
                raise ArtifactError(
                    f"utmos: must be a TorchScript file, got {str(path)!r}. "
                    f"Get utmos_scripted.pt from {source}."
                ) from error

    def __call__(self, wav: ArrayLike, sample_rate: int) -> dict[str, float]:
        """Score of sound ``(samples,)`` in [-1, 1]; none below 25 ms."""
        import torch

        sound = _sound(wav, sample_rate, self.rate)
        if len(sound) < self.shortest:
            return {}
        with torch.inference_mode():
            return {"utmos": float(self._network.score(torch.from_numpy(sound)[None]))}


class Nisqa:
    """NISQA v2: overall quality, noisiness, discontinuity, coloration and loudness.

    Trained on telephone calls; its weights are licensed CC BY-NC-SA 4.0. High scores are good of
    all five.

    Source: Mittag, Naderi, Chehadi and Moller 2021, "NISQA: a deep CNN-self-attention model for
    multidimensional speech quality prediction with crowdsourced datasets"; gabrielmittag/NISQA
    `NISQA_lib.py`, get_librosa_melspec and segment_specs.
    """

    metrics = (
        "nisqa_mos",
        "nisqa_noisiness",
        "nisqa_discontinuity",
        "nisqa_coloration",
        "nisqa_loudness",
    )
    rate = 48000
    width, hop = 15, 4  # frames of a segment, and from one to the next

    def __init__(self, weights: Path | None = None) -> None:
        """Load ``nisqa.onnx``, which takes segments ``(1, segments, 1, 48, 15)``."""
        source = "https://huggingface.co/TigreGotico/nisqa-onnx"
        self._network = OnnxNetwork(weights_file("nisqa", weights, "nisqa.onnx", source))

    def __call__(self, wav: ArrayLike, sample_rate: int) -> dict[str, float]:
        """Scores of sound ``(samples,)`` in [-1, 1]; none below 0.14 s."""
        segments = self.segments(_sound(wav, sample_rate, self.rate))
        if not len(segments):
            return {}
        scores = self._network(segments[None]).ravel().tolist()
        if len(scores) != len(self.metrics):
            raise ArtifactError(
                f"nisqa: the network must give {len(self.metrics)} scores, got {len(scores)!r}. "
                "Use the weights nisqa.tar, not those of speech synthesis alone."
            )
        return dict(zip(self.metrics, scores, strict=True))

    @classmethod
    def segments(cls, sound: Wave) -> Wave:
        """Windows ``(segments, 1, 48, 15)`` of the mel in dB of sound at 48 kHz."""
        import librosa

        mel = librosa.feature.melspectrogram(
            y=sound,
            sr=cls.rate,
            n_fft=4096,
            hop_length=480,
            win_length=960,
            pad_mode="reflect" if len(sound) > 2048 else "constant",
            power=1.0,
            n_mels=48,
            fmax=20000,
        )
        level = librosa.amplitude_to_db(mel, ref=1.0, amin=1e-4, top_db=80.0)
        if level.shape[1] < cls.width:
            return np.empty((0, 1, len(level), cls.width), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(level, cls.width, axis=1)
        return np.ascontiguousarray(windows[:, :: cls.hop].swapaxes(0, 1)[:, None], np.float32)


def _sound(wav: ArrayLike, sample_rate: int, wanted: int) -> Wave:
    """Sound ``(samples,)`` at another rate."""
    import librosa

    sound = np.asarray(wav, dtype=np.float32)
    if sound.ndim != 1 or not sound.size or not np.isfinite(sound).all():
        raise AudioError(
            f"predictors: sound must be (samples,), not empty and finite, got shape "
            f"{sound.shape!r}. Give one sentence at a time."
        )
    return np.asarray(librosa.resample(sound, orig_sr=sample_rate, target_sr=wanted))
