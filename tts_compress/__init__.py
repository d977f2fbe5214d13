"""Make text-to-speech models small, and measure and hear what it costs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tts_compress.architectures.checkpoints import load_model

__all__ = ["load_model"]


def __getattr__(name: str) -> Any:
    """Gives `load_model`, and imports torch only then."""
    if name == "load_model":
        import tts_compress.artifact  # noqa: F401  (adds how an artifact is read)
        from tts_compress.architectures.checkpoints import load_model

        return load_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
