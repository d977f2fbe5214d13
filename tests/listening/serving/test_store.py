"""Answers in a real database: what stays after repeats, reorderings, crashes and crowds."""

import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_compress.errors import ListeningError
from tts_compress.listening.built import ANSWERS
from tts_compress.listening.serving.database import connect
from tts_compress.listening.serving.store import Answer, Store, read_listeners


def answer(revision, done=False, **values):
    return Answer(revision, done, values, seconds=1.5, plays={"a": 1})


@pytest.fixture
def store(tmp_path):
    with closing(Store(tmp_path, "test-1")) as store:
        yield store


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with closing(Store(tmp_path_factory.mktemp("shared"), "test-1")) as store:
        yield store


def test_what_is_saved_is_read(store, tmp_path):
    token = store.join().result()
    said = answer(1, ratings={"ä": 61.5}, comment="<b>\0'; DROP TABLE answers; --")
    assert store.save(token, "t001", said).result().taken
    assert store.answers(token) == {"t001": said}
    (listener,) = read_listeners(tmp_path)
    assert listener["token"] == token
    assert listener["number"] == 0
    assert listener["created"] <= listener["started"]
    assert listener["finished"] is None
    assert listener["answers"] == {
        "t001": {
            "revision": 1,
            "done": False,
            "values": said.values,
            "seconds": 1.5,
            "plays": {"a": 1},
        }
    }


def test_a_later_revision_takes_the_place_of_an_earlier_one(store):
    token = store.join().result()
    for revision in (1, 3, 2, 3):
        saved = store.save(token, "t001", answer(revision, x=revision)).result()
        assert saved.taken
    assert saved.answer == store.answers(token)["t001"] == answer(3, x=3)


def test_a_done_page_takes_no_more_changes(store):
    token = store.join().result()
    done = answer(2, done=True, x=2)
    assert store.save(token, "t001", done).result().taken
    assert store.save(token, "t001", done).result().taken  # a repeat
    assert store.save(token, "t001", answer(1, x=1)).result().taken  # late on its way
    later = store.save(token, "t001", answer(3, x=3)).result()
    other_window = store.save(token, "t001", answer(2, done=True, x=0)).result()
    assert not later.taken
    assert not other_window.taken
    assert later.answer == other_window.answer == store.answers(token)["t001"] == done


quick = settings(deadline=None, max_examples=50)
offers = st.lists(st.tuples(st.integers(1, 6), st.booleans(), st.integers(0, 2)), max_size=12)


@quick
@given(offers)
def test_the_highest_revision_stays_until_the_first_done(shared, offers):
    token = shared.join().result()
    expected = None
    futures = []
    for revision, done, x in offers:
        said = answer(revision, done, x=x)
        futures.append((said, shared.save(token, "t001", said)))
        if expected is None or (revision > expected.revision and not expected.done):
            expected = said
    for said, future in futures:
        saved = future.result()
        assert saved.answer.revision >= said.revision or saved.answer.done
        assert saved.taken == (said.revision < saved.answer.revision or said == saved.answer)
    assert shared.answers(token).get("t001") == expected


@quick
@given(st.data())
def test_no_order_and_no_repeat_on_the_way_changes_what_is_stored(shared, data):
    sent = [answer(revision, done=revision == 4, x=revision) for revision in (1, 2, 3, 4)]
    repeats = data.draw(st.lists(st.sampled_from(sent), max_size=6))
    token = shared.join().result()
    for said in data.draw(st.permutations(sent + repeats)):
        assert shared.save(token, "t001", said).result().taken
    assert shared.answers(token) == {"t001": sent[-1]}


def test_finishing_needs_every_page_and_happens_once(store):
    token = store.join().result()
    store.save(token, "t001", answer(1, done=True))
    store.save(token, "t002", answer(1))
    assert store.finish(token, ["t001", "t002", "t003"]).result() == ["t002", "t003"]
    assert store.listener(token).finished is None
    assert store.finish(token, ["t001"]).result() == []
    finished = store.listener(token).finished
    assert finished
    assert store.finish(token, ["t001"]).result() == []
    assert store.listener(token).finished == finished


def test_tokens_are_long_and_known_to_the_letter(store):
    token = store.join().result()
    assert len(token) == 32
    assert store.listener(token).token == token
    for other in (token.swapcase(), token[:-1], f"{token} ", "", "%", f"{token}\0"):
        assert store.listener(other) is None


def test_two_processes_and_many_threads_give_each_listener_a_number_of_its_own(store, tmp_path):
    with closing(Store(tmp_path, "test-1")) as other, ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda n: (store, other)[n % 2].join().result(), range(100)))
    assert len(set(tokens)) == 100
    assert [each.number for each in store.listeners()] == list(range(100))


def test_a_write_that_fails_does_not_fail_those_beside_it(store):
    token = store.join().result()
    pages = [f"t{n:03}" for n in range(20)]
    good = [store.save(token, page, answer(1)) for page in pages[:10]]
    bad = store.save("nobody", "t001", answer(1))
    good += [store.save(token, page, answer(1)) for page in pages[10:]]
    with pytest.raises(sqlite3.IntegrityError):
        bad.result()
    assert all(each.result().taken for each in good)
    assert sorted(store.answers(token)) == pages


def test_closing_waits_for_all_writes(tmp_path):
    store = Store(tmp_path, "test-1")
    token = store.join().result()
    for n in range(500):
        store.save(token, f"t{n:03}", answer(1))
    for _ in range(2):
        store.close()
    assert len(read_listeners(tmp_path)[0]["answers"]) == 500
    with closing(Store(tmp_path, "test-1")) as again:
        assert again.listener(token).number == 0


KILLED = """
import os, signal, sys
from pathlib import Path
from tts_compress.listening.serving.store import Answer, Store
store = Store(Path(sys.argv[1]), "test-1")
token = store.join().result()
for revision in range(1, 51):
    store.save(token, "t001", Answer(revision, False, {}, 1.0, {})).result()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_loses_nothing(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert (tmp_path / f"{ANSWERS}-wal").stat().st_size  # nothing was tidied up
    assert read_listeners(tmp_path)[0]["answers"]["t001"]["revision"] == 50
    with closing(Store(tmp_path, "test-1")) as store:
        assert store.answers(store.listeners()[0].token)["t001"].revision == 50


def test_a_commit_waits_for_the_disk(tmp_path):
    with closing(connect(tmp_path / ANSWERS)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_reading_changes_nothing(store, tmp_path):
    store.join().result()

    def contents():
        return {path.name: path.read_bytes() for path in tmp_path.glob("*[!m]")}  # not the -shm

    before = contents()
    assert len(read_listeners(tmp_path)) == 1
    assert contents() == before


def test_no_answers_yet_are_no_listeners(tmp_path):
    assert read_listeners(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_answers_of_another_test_are_refused(store, tmp_path):
    with pytest.raises(ListeningError, match=r"sqlite: holds the answers of another test, got id"):
        Store(tmp_path, "test-2")


def test_another_version_is_refused(store, tmp_path):
    with closing(connect(tmp_path / ANSWERS)) as connection:
        connection.execute("PRAGMA user_version = 7")
    message = r"another version of answers, got 7\. This version of tts-compress reads 1\."
    with pytest.raises(ListeningError, match=message):
        Store(tmp_path, "test-1")
    with pytest.raises(ListeningError, match=message):
        read_listeners(tmp_path)


def test_what_is_no_database_is_refused(tmp_path):
    (tmp_path / ANSWERS).write_text("listener,page,answer\n" * 100)
    with pytest.raises(ListeningError, match="cannot be used as the answers of a test, got 'file"):
        Store(tmp_path, "test-1")
    with pytest.raises(ListeningError, match="no answers of a test, got 'file is not a database'"):
        read_listeners(tmp_path)


def test_a_folder_that_is_missing_is_refused(tmp_path):
    with pytest.raises(ListeningError, match=r"cannot be used .* got 'unable to open"):
        Store(tmp_path / "missing", "test-1")
