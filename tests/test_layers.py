"""Imports go down only, report and listening read files alone, and the command line starts without
torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "tts_compress"
# Lowest first; a module may import its own layer and those before it.
LAYERS = (
    ("errors", "files"),
    ("container", "extras", "yaml_file"),
    ("text", "audio"),
    ("architectures",),
    ("quantized",),
    ("encodings", "int8", "methods"),
    ("recipe",),
    ("exporting", "manifest"),
    ("artifact", "provenance", "records"),
    ("synthesis",),
    ("metrics",),
    ("report", "listening"),
    ("trackers",),
    ("training",),
    ("pipeline", "plan"),
    ("searching",),
    ("sweep",),
    ("cli",),
    ("__main__",),
)
HOME = {"load_model": "artifact"}  # where a name that the package offers comes from
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Layers of our own that a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "tts_compress":
                names = [f"tts_compress.{HOME.get(n.name, n.name)}" for n in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("tts_compress.")}
    return found


FILES = sorted(
    path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem != "__init__"
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path):
    own = layer_of(path)
    assert own in RANK, f"{own} has no layer: add it to LAYERS"
    upward = {name for name in imported(path) if RANK[name] > RANK[own]}
    assert not upward


@pytest.mark.parametrize("folder", ["report", "listening"])
def test_reports_read_files_only(folder):
    for path in (PACKAGE / folder).rglob("*.py"):
        assert imported(path) <= {"errors", "files", "extras", "yaml_file", "records", folder}
        assert "torch" not in path.read_text()


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["plan", "--help"]])
def test_help_needs_no_torch(arguments):
    code = (
        "import sys; from tts_compress.cli import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules and 'librosa' not in sys.modules"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "Usage" in result.stdout
