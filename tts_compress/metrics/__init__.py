"""What can be measured, by name. Each measure is a pure function of arrays, texts or a model.

Nothing here imports torch, so that names can be listed at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tts_compress.metrics import attention, cost, intelligibility, mel, prosody, sizes, speed


@dataclass(frozen=True)
class Metric:
    """A measure, what one value of it is taken of, its unit, and which way is better.

    A measure gives a number, or None where it has nothing to count.
    """

    measure: Callable[..., Any]
    per: Literal["sentence", "run"]
    unit: str
    better: Literal["lower", "higher", "none"]


METRICS: dict[str, Metric] = {
    "mel_mae_db": Metric(mel.mel_mae_db, "sentence", "dB", "lower"),
    "mcd_dtw_db": Metric(mel.mcd_dtw_db, "sentence", "dB", "lower"),
    "f0_rmse_cents": Metric(prosody.f0_rmse_cents, "sentence", "cents", "lower"),
    "voicing_error": Metric(prosody.voicing_error, "sentence", "fraction", "lower"),
    "f0_correlation": Metric(prosody.f0_correlation, "sentence", "ratio", "higher"),
    "duration_ratio": Metric(prosody.duration_ratio, "sentence", "ratio", "none"),
    "attention_jumps_back": Metric(attention.attention_jumps_back, "sentence", "frames", "lower"),
    "attention_skips": Metric(attention.attention_skips, "sentence", "ids", "lower"),
    "attention_reach": Metric(attention.attention_reach, "sentence", "fraction", "higher"),
    "attention_focus": Metric(attention.attention_focus, "sentence", "fraction", "higher"),
    "repeats": Metric(attention.repeats, "sentence", "repeats", "lower"),
    "skips": Metric(attention.skips, "sentence", "skips", "lower"),
    "no_stop": Metric(attention.no_stop, "sentence", "fraction", "lower"),
    "early_stop": Metric(attention.early_stop, "sentence", "fraction", "lower"),
    "word_error_rate": Metric(intelligibility.word_error_rate, "run", "fraction", "lower"),
    "character_error_rate": Metric(
        intelligibility.character_error_rate, "run", "fraction", "lower"
    ),
    "state_dict_bytes": Metric(cost.state_dict_bytes, "run", "bytes", "lower"),
    "float32_bytes": Metric(sizes.float32_bytes, "run", "bytes", "lower"),
    "float16_bytes": Metric(sizes.float16_bytes, "run", "bytes", "lower"),
    "packed_bytes": Metric(sizes.packed_bytes, "run", "bytes", "lower"),
    "packed_gzip_bytes": Metric(sizes.packed_gzip_bytes, "run", "bytes", "lower"),
    "packed_zstd_bytes": Metric(sizes.packed_zstd_bytes, "run", "bytes", "lower"),
    "entropy_bytes": Metric(sizes.entropy_bytes, "run", "bytes", "lower"),
    "n_parameters": Metric(cost.n_parameters, "run", "weights", "lower"),
    "n_nonzero": Metric(cost.n_nonzero, "run", "weights", "lower"),
    "sparsity": Metric(cost.sparsity, "run", "fraction", "none"),
    "macs": Metric(cost.macs, "sentence", "MAC", "lower"),
    "effective_macs": Metric(cost.effective_macs, "sentence", "MAC", "lower"),
    "macs_per_second": Metric(cost.macs_per_second, "run", "MAC/s", "lower"),
    "effective_macs_per_second": Metric(cost.effective_macs_per_second, "run", "MAC/s", "lower"),
    "real_time_factor": Metric(speed.real_time_factor, "run", "s/s", "lower"),
    "speedup": Metric(speed.speedup, "run", "times", "higher"),
    "peak_memory_bytes": Metric(cost.peak_memory_bytes, "run", "bytes", "lower"),
    "peak_rss_bytes": Metric(cost.peak_rss_bytes, "run", "bytes", "lower"),
}
