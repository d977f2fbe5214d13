"""A built test as one folder of files that needs no server.

It opens from disk as well as from any web server. Since a page from disk may not fetch files,
sounds are scripts that hold them in base64, loaded when they are needed. As everywhere, names tell
nothing, and which system a sound is of stays in the built test.
"""

import base64
import json
import re
from importlib.resources import files
from pathlib import Path

from rich.console import Console

from tts_compress.errors import ListeningError
from tts_compress.files import replaced
from tts_compress.listening import design
from tts_compress.listening.built import AUDIO, BuiltTest

PARTS, SESSIONS = "page", "sessions.js"
SERVED = '<script defer src="/assets/http.js"></script>'
FILED = f'<script defer src="{SESSIONS}"></script>\n<script defer src="/assets/file.js"></script>'


def export_static(folder: Path, out: Path, console: Console) -> None:
    """Writes a built test as a folder with ``index.html``, which gives answers as a file.

    Whoever reads the files closely finds the completion codes: there is no server to keep them.

    Args:
        folder: The built test.
        out: Folder to make.
        console: Where it is said what to do with it.

    Raises:
        ListeningError: The folder is no complete test, or `out` has something in it.
    """
    test = BuiltTest.load(folder)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ListeningError(
            f"{out}: exists already, got {out.name!r}. Remove it, or name another."
        )
    sessions = [design.session(test, number) for number in range(test.listeners)]
    sounds = sorted(set().union(*map(design.audio_ids, sessions)))
    (out / AUDIO).mkdir(parents=True)
    for id in sounds:
        _write(out / AUDIO / f"{id}.js", _sound(folder / AUDIO / f"{id}.wav", id))
    about = {
        "format": 1,
        "test": test.id,
        "name": test.name,
        "sessions": sessions,
        "codes": [design.completion_code(test, f"static-{n}") for n in range(test.listeners)],
    }
    _write(out / SESSIONS, f"window.SESSIONS = {json.dumps(about)};\n")
    _write_page(out)
    _announce(console, folder, out, test.listeners)


def _sound(path: Path, id: str) -> str:
    if not path.is_file():
        raise ListeningError(f"{path}: missing, got no sound {id!r}. Build the test again.")
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f"Listen.sound({json.dumps(id)}, {json.dumps(data)});\n"


def _write_page(out: Path) -> None:
    """Writes the page, its backend changed for the one without a server, and all that it names."""
    home = files("tts_compress.listening") / "page"
    page = (home / "index.html").read_text("utf-8").replace(SERVED, FILED)
    (out / PARTS).mkdir()
    for name in re.findall(r'"/assets/([^"]+)"', page):
        _write(out / PARTS / name, (home / name).read_text("utf-8"))
    _write(out / "index.html", page.replace("/assets/", f"{PARTS}/"))  # last: now it can be opened


def _write(path: Path, text: str) -> None:
    with replaced(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _announce(console: Console, folder: Path, out: Path, listeners: int) -> None:
    lines = [
        f"Static test: {out / 'index.html'}. Open it, send the folder, or put it on a web server.",
        f"Listeners: add ?listener=0 to ?listener={listeners - 1} to the address, one for each; "
        "without it, one is drawn.",
        "At the end each listener saves a file of answers and sends it to you. To read them:",
        f"  tts-compress listen analyze {folder} answers-*.json",
    ]
    for line in lines:
        console.print(line, soft_wrap=True, markup=False, highlight=False)
