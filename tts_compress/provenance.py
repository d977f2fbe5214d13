"""Where results are from: versions, machine, time, and which measures were taken."""

import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tts_compress.files import replaced

PROVENANCE = "provenance.json"

MEASURES = 4
"""Counts up when measures are added, or are taken otherwise: finished runs are measured again."""

PACKAGES = ("torch", "numpy", "scipy", "librosa", "soundfile", "jiwer", "pocketsphinx")


def measured_by(folder: Path) -> int:
    """Which `MEASURES` were taken of a finished run; 0 if it says nothing of it."""
    found = read_provenance(folder).get("measures", 0)
    return found if isinstance(found, int) else 0


def read_provenance(folder: Path) -> dict[str, Any]:
    """Gives what a run's folder says of where it is from; nothing if it cannot be read."""
    try:
        found = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


class Work:
    """Something that is being done, from now on."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._started = datetime.now(UTC)
        self._clock = time.perf_counter()

    def write(self, folder: Path, **more: Any) -> None:
        """Writes who did it, on what, when, and how long it took; whole or not at all."""
        values = {
            **_versions(),
            "machine": _machine(),
            **({"commit": commit} if (commit := _commit()) else {}),
            "started": self._started.isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - self._clock, 3),
            "device": self._device,
            "measures": MEASURES,
            **more,
        }
        with replaced(folder / PROVENANCE) as partial:
            partial.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


@cache
def _versions() -> dict[str, str]:
    """Gives our version, Python's, and those of the packages that decide results."""
    found = {"tts_compress": "tts-compress"} | {name: name for name in PACKAGES}
    versions = {}
    for name, package in found.items():
        try:
            versions[name] = version(package)
        except PackageNotFoundError:
            continue
    return {"python": platform.python_version(), **versions}


@cache
def _machine() -> dict[str, Any]:
    """Gives what the machine is, without its name."""
    machine: dict[str, Any] = {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
    }
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        machine["memory_bytes"] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return machine


def _processor() -> str:
    """Gives the processor's name; the platform's word for its kind where Linux is not asked."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@cache
def _commit() -> str | None:
    """Gives the commit that this package runs from, if it is one, and whether it was changed."""
    package = Path(__file__).parent
    if _git(package, "ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None
    commit = _git(package, "rev-parse", "HEAD")
    changed = _git(package, "status", "--porcelain", ".")
    return f"{commit}+changes" if commit and changed else commit


def _git(folder: Path, *arguments: str) -> str | None:
    """Gives what git says; None if it is not there or refuses."""
    # No lock that a commit at the same time would run into.
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()
