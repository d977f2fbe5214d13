"""What every measure is called, counted in and good for: the words of tables, plots and pages."""

from dataclasses import dataclass, replace
from typing import Literal

Better = Literal["lower", "higher", "none"]


@dataclass(frozen=True)
class Measure:
    """How people read a measure.

    Attributes:
        label: What it is called, without its unit.
        unit: Unit that it is shown in; empty where it has none.
        better: Which way is better; none where neither is.
        explains: What it says, in a sentence or two.
        scale: What a recorded value is multiplied by to be in that unit.
        digits: Digits after the point.
        short: What a narrow column calls it, with its unit; empty if the label is short enough.
        counted: Whether of one sentence it is a whole number.
    """

    label: str
    unit: str
    better: Better
    explains: str
    scale: float = 1.0
    digits: int = 2
    short: str = ""
    counted: bool = False

    @property
    def heading(self) -> str:
        """Heading of a narrow column."""
        return self.short or self.label

    def shown(self, value: float) -> str:
        """Writes a recorded value with its unit.

        >>> MEASURES["word_error_rate"].shown(0.0583), MEASURES["speedup"].shown(1.5)
        ('5.8 %', '1.50 x')
        """
        return f"{value * self.scale:.{self.digits}f} {self.unit}".rstrip()


def _percent(label: str, better: Better, explains: str, short: str = "") -> Measure:
    return Measure(label, "%", better, explains, scale=100.0, digits=1, short=short)


def _megabytes(label: str, explains: str, short: str = "") -> Measure:
    return Measure(label, "MB", "lower", explains, scale=1e-6, short=short)


def _millions(label: str, unit: str, explains: str, digits: int = 2, short: str = "") -> Measure:
    return Measure(label, unit, "lower", explains, scale=1e-6, digits=digits, short=short)


def _counted(label: str, unit: str, better: Better, explains: str, short: str = "") -> Measure:
    return Measure(label, unit, better, explains, digits=1, short=short, counted=True)


def _opinion(label: str, explains: str, short: str = "") -> Measure:
    text = f"{explains} Predicted by a network, from 1 to 5."
    return Measure(label, "MOS", "higher", text, short=short)


SIZE = {
    "gzip_bytes": _megabytes(
        "size on disk, gzip",
        "Size of checkpoint.pt.gz: the weights through one gzip stream.",
        "gzip MB",
    ),
    "artifact_bytes": _megabytes(
        "size of the file",
        "Size of model.ttsz, the network entropy-coded in one file. Older runs left a folder of "
        "plain tensors instead.",
        "file MB",
    ),
    "state_dict_bytes": _megabytes(
        "size as float32", "Size of the weights alone as float32 tensors, before any packing."
    ),
    "float32_bytes": _megabytes(
        "stored as float32", "Size of the tensors that the file holds, with 32 bits a value."
    ),
    "float16_bytes": _megabytes(
        "stored as float16", "Size of the tensors that the file holds, with 16 bits a value."
    ),
    "packed_bytes": _megabytes(
        "packed",
        "Size of the tensors in as few bits a weight as tell their values apart, zeros as a mask.",
    ),
    "packed_gzip_bytes": _megabytes(
        "packed, gzip", "Size of the packed tensors through gzip, which sees levels as bytes."
    ),
    "packed_zstd_bytes": _megabytes(
        "packed, zstd", "Size of the packed tensors through zstd, which sees levels as bytes."
    ),
    "entropy_bytes": _megabytes(
        "order-0 entropy",
        "What no code of each tensor's own frequencies can go below. The file is coded with "
        "neighbours in view, and may.",
    ),
    "n_parameters": _millions(
        "parameters", "M", "Number of weights, zeros included.", short="params"
    ),
    "n_nonzero": _millions("weights that are not zero", "M", "Number of weights other than zero."),
    "sparsity": _percent(
        "sparsity", "none", "Fraction of zeros among the weights of the tensors that were pruned."
    ),
}
WORK = {
    "macs": _millions(
        "multiply-accumulates", "MMAC", "Multiply-accumulates to speak one sentence.", 0
    ),
    "effective_macs": _millions(
        "multiply-accumulates not by zero",
        "MMAC",
        "Multiply-accumulates of one sentence with weights other than zero.",
        0,
    ),
    "macs_per_second": _millions(
        "multiply-accumulates a second",
        "MMAC/s",
        "Multiply-accumulates for a second of speech, counted for every layer and decoder step.",
        0,
        "MMAC/s",
    ),
    "effective_macs_per_second": _millions(
        "multiply-accumulates a second, not by zero",
        "MMAC/s",
        "Multiply-accumulates for a second of speech with weights other than zero; only kernels "
        "for sparse weights save the others.",
        0,
        "nonzero",
    ),
    "real_time_factor": Measure(
        "real-time factor",
        "s/s",
        "lower",
        "Seconds of computing for a second of speech, acoustic model alone on one thread.",
        digits=3,
        short="RTF",
    ),
    "speedup": Measure(
        "speed",
        "x",
        "higher",
        "How many times as fast as the dense network, which took turns with it on one machine.",
    ),
    "peak_memory_bytes": _megabytes(
        "peak memory", "Most memory that speaking one sentence took beyond the loaded model."
    ),
    "peak_rss_bytes": _megabytes("peak memory of the process", "Most memory of the process."),
    "finetune_seconds": Measure(
        "time of fine-tuning", "s", "lower", "Seconds that fine-tuning took.", digits=0
    ),
    "finetune_steps": Measure(
        "steps of fine-tuning", "steps", "none", "Steps that fine-tuning took.", digits=0
    ),
}
DISTANCE = {
    "mel_mae_db": Measure(
        "mel difference",
        "dB",
        "lower",
        "Mean absolute difference of the mel spectrograms, the candidate speaking in the timing "
        "of the reference.",
        short="mel dB",
    ),
    "mcd_dtw_db": Measure(
        "mel-cepstral distortion",
        "dB",
        "lower",
        "Distance of the spectral envelopes of free-running speech, time-warped. Another seed of "
        "the dense network is off, too; less than that cannot be told apart.",
        short="MCD dB",
    ),
    "f0_rmse_cents": Measure(
        "F0 error",
        "cents",
        "lower",
        "Root mean square difference of pitch where both are voiced, time-warped; "
        "100 cents are a semitone.",
        digits=0,
        short="F0 cents",
    ),
    "voicing_error": _percent(
        "voicing error",
        "lower",
        "Fraction of frames that are voiced in one and not in the other, time-warped.",
        "voicing",
    ),
    "f0_correlation": Measure(
        "F0 correlation",
        "",
        "higher",
        "Correlation of log pitch where both are voiced: 1 is the same melody, in whatever key.",
    ),
    "duration_ratio": Measure(
        "duration ratio",
        "x",
        "none",
        "Length of the speech by that of the reference; 1 is the same length.",
        short="duration x",
    ),
}
WORDS = {
    "word_error_rate": _percent(
        "word error rate",
        "lower",
        "Words that a speech recognizer misheard, missed or added, by all words. It mishears "
        "the dense network, too: compare with that.",
        "WER",
    ),
    "character_error_rate": _percent(
        "character error rate",
        "lower",
        "Characters that a speech recognizer got wrong, by all characters.",
        "CER",
    ),
    "word_errors": _counted(
        "word errors",
        "words",
        "lower",
        "Words of a sentence that a recognizer got wrong.",
        "wrong words",
    ),
    "words": _counted("words", "words", "none", "Words of a sentence."),
    "character_errors": _counted(
        "character errors", "characters", "lower", "Characters of a sentence that it got wrong."
    ),
    "characters": _counted("characters", "characters", "none", "Characters of a sentence."),
}
SPEECH = {
    "failed": _percent(
        "failed sentences",
        "lower",
        "Sentences that never stop, have too few frames, or are not finite numbers.",
    ),
    "seconds": Measure("length", "s", "none", "Seconds of speech of a sentence.", short="seconds"),
    "attention_jumps_back": _counted(
        "attention jumps back", "frames", "lower", "Frames at which attention went back."
    ),
    "attention_skips": _counted(
        "attention skips", "symbols", "lower", "Symbols that attention went past in one step."
    ),
    "attention_reach": _percent(
        "attention reach", "higher", "How far into the text attention came; 100 % is the end."
    ),
    "attention_focus": _percent(
        "attention focus", "higher", "Mean of the largest attention weight of each frame."
    ),
    "repeats": _counted(
        "repeats",
        "",
        "lower",
        "Times that text is said again: attention goes back, then reads on from there.",
    ),
    "skips": _counted(
        "skips", "", "lower", "Passages of a sentence that no frame of speech attends to."
    ),
    "no_stop": _percent("never stops", "lower", "Sentences that went on until they were cut off."),
    "early_stop": _percent(
        "stops early", "lower", "Sentences that ended with the end of the text unread."
    ),
}
NATURALNESS = {
    "utmos": _opinion("UTMOS", "Naturalness of speech."),
    "distillmos": _opinion("Distill-MOS", "Quality of speech in all."),
    "dnsmos_ovrl": _opinion("DNSMOS overall", "Quality of speech in all.", "DNSMOS"),
    "dnsmos_sig": _opinion("DNSMOS speech", "Quality of the speech itself."),
    "dnsmos_bak": _opinion("DNSMOS background", "How little the background disturbs."),
    "dnsmos_p808": _opinion("DNSMOS P.808", "Quality of speech as rated by ITU-T P.808."),
    "nisqa_mos": _opinion("NISQA", "Quality of speech in all."),
    "nisqa_noisiness": _opinion("NISQA noisiness", "How free of noise it is."),
    "nisqa_discontinuity": _opinion("NISQA discontinuity", "How free of breaks it is."),
    "nisqa_coloration": _opinion("NISQA coloration", "How natural the timbre is."),
    "nisqa_loudness": _opinion("NISQA loudness", "How right the loudness is."),
}
MEASURES: dict[str, Measure] = {
    **SIZE,
    **WORK,
    **DISTANCE,
    **WORDS,
    **SPEECH,
    **NATURALNESS,
}
OF_OTHERS = {
    "_noise": ("dense with another seed", "Of the dense network with another seed: the floor."),
    "_to_recording": ("to recording", "Against the recording in place of the dense network."),
    "_recording": ("recording", "Of the recording in place of a network's speech."),
    "_dense": ("dense", "Of the dense network, measured beside this one."),
}


def measure(name: str, unit: str = "") -> Measure:
    """Gives what a measure is; of one that nobody described, its name and its unit.

    Args:
        name: Name in the records. Its ending may say what it was taken against, such as
            ``mcd_dtw_db_noise``.
        unit: Unit in the records, for a measure that nobody described.

    >>> measure("mcd_dtw_db_to_recording").label
    'mel-cepstral distortion (to recording)'
    >>> measure("pruned_units", "units").shown(3)
    '3.00 units'
    """
    if name in MEASURES:
        return MEASURES[name]
    for ending, (label, explains) in OF_OTHERS.items():
        known = MEASURES.get(name.removesuffix(ending))
        if known and name.endswith(ending):
            text = f"{known.explains} {explains}"
            return replace(known, label=f"{known.label} ({label})", explains=text, short="")
    return Measure(name.replace("_", " "), unit, "none", "Measured by a stage or a plugin.")
