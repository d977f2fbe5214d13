"""Packages that only some of the work needs: each belongs to an extra of ours."""

import importlib
from typing import Any

from tts_compress.errors import ExtraError


def needed(package: str, extra: str) -> Any:
    """Gives a module of an extra.

    Args:
        package: Name that the module is imported by, such as ``jiwer``.
        extra: The extra that brings it, such as ``asr``.

    Raises:
        ExtraError: It is not installed.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise ExtraError(
            f"{package}: a package of the extra {extra!r} is missing, got {error.name!r}. "
            f"Install it with: pip install tts-compress[{extra}]."
        ) from error
