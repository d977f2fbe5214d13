"""What tests in a browser build, and what they look up of it."""

import json
import sqlite3
from contextlib import closing

from rich.console import Console
from scipy.io import wavfile

QUIET = Console(quiet=True)
QUESTIONS = [
    {"id": "words", "label": "A word", "required": True},
    {"id": "age", "label": "Age", "type": "number", "min": 1, "max": 120},
    {"id": "device", "label": "Device", "type": "choice", "choices": ["Headphones", "Earphones"]},
    {"id": "music", "label": "Music", "type": "multiple", "choices": ["Rock", "Folk", "Jazz"]},
    {"id": "remarks", "label": "Remarks", "type": "long"},
]
SCRIPT = "<script>window.broken = 1</script><img src=x onerror='window.broken = 1'>"
PAGES = [
    {"type": "consent", "title": f"Welcome {SCRIPT}", "text": SCRIPT, "label": "I take part."},
    {"type": "trials"},
    {"type": "questionnaire", "questions": QUESTIONS},
    {"type": "finish"},
]
KINDS = {
    "mushra": {
        "reference": "dense",
        "anchors": [3500],
        "pages": [PAGES[0], {"type": "volume"}, *PAGES[1:]],
    },
    "abx": {},
    "ab": {"reference": "dense", "pairs": [["first", "second"]], "ties": True},
    "acr": {"comments": True},
    "dcr": {"reference": "dense"},
    "cmos": {},
}


def stored(folder, done=True):
    """Values of pages by id, as the database has them."""
    with closing(sqlite3.connect(folder / "answers.sqlite")) as database:
        sql = 'SELECT page, "values" FROM answers WHERE done = ?'
        return {page: json.loads(values) for page, values in database.execute(sql, [done])}


def shorten(folder):
    """Leaves 0.3 s of each sound, for pages whose own sounds take longer."""
    for path in (folder / "audio").iterdir():
        rate, samples = wavfile.read(path)
        wavfile.write(path, rate, samples[: int(0.3 * rate)])
