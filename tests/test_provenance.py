import json
import subprocess

import pytest

from tts_compress import provenance
from tts_compress.provenance import MEASURES, PROVENANCE, Work, measured_by, read_provenance


def test_what_is_written_is_read(tmp_path):
    Work("cpu").write(tmp_path, compressed={"device": "cuda"})
    found = read_provenance(tmp_path)
    assert {"tts_compress", "python", "torch", "numpy", "machine", "started"} <= found.keys()
    assert found["machine"].keys() >= {"system", "processor", "cores"}
    assert found["started"].endswith("+00:00")
    assert found["seconds"] >= 0
    assert (found["device"], found["compressed"]) == ("cpu", {"device": "cuda"})
    assert measured_by(tmp_path) == MEASURES


@pytest.mark.parametrize("text", [None, "", "[]", '{"measures": "2"}', "{"])
def test_what_says_nothing_is_measured_by_no_version(tmp_path, text):
    if text is not None:
        (tmp_path / PROVENANCE).write_text(text)
    assert measured_by(tmp_path) == 0


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git checkout that the package seems to run from, with one commit."""

    def git(*arguments):
        command = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
        return subprocess.run([*command, *arguments], check=True, capture_output=True, text=True)

    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "provenance.py").write_text("")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "package" / "provenance.py"))
    provenance._commit.cache_clear()
    yield tmp_path, git("rev-parse", "HEAD").stdout.strip()
    provenance._commit.cache_clear()


def test_the_commit_of_a_checkout(checkout):
    _, commit = checkout
    assert provenance._commit() == commit


def test_changes_of_a_checkout_are_said(checkout):
    folder, commit = checkout
    (folder / "package" / "provenance.py").write_text("# more\n")
    assert provenance._commit() == f"{commit}+changes"


def test_a_package_that_a_checkout_does_not_hold_has_no_commit(checkout, monkeypatch):
    folder, _ = checkout
    (folder / "package" / "other.py").write_text("")
    monkeypatch.setattr(provenance, "__file__", str(folder / "package" / "other.py"))
    assert provenance._commit() is None
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(provenance, "__file__", str(folder / "package" / "provenance.py"))
    provenance._commit.cache_clear()
    assert provenance._commit() is None


def test_a_run_without_a_commit_says_nothing_of_one(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "_commit", lambda: None)
    Work("cpu").write(tmp_path)
    assert "commit" not in json.loads((tmp_path / PROVENANCE).read_text())
