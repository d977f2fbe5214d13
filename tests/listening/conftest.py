import shutil
from contextlib import closing

import numpy as np
import pytest
import soundfile

from tests.listening.asking import PASSWORD, Client
from tests.listening.browsing import begin, build_from_tones, run_server  # noqa: F401  (fixtures)
from tts_compress.listening.built import BuiltTest, Stimulus, Trial
from tts_compress.listening.serving.app import make_app

RATE = 16000
QUESTIONS = [
    {"id": "name", "label": "Name", "type": "text", "required": True},
    {"id": "age", "label": "Age", "type": "number", "required": False, "min": 18, "max": 99},
]


@pytest.fixture
def served(tmp_path, small_test):
    """A small MUSHRA test as a folder: every listener judges one of three sentences."""
    return shutil.copytree(small_test, tmp_path / "a test")


@pytest.fixture(scope="session")
def small_test(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    (folder / "audio").mkdir(parents=True)
    stimuli, trials = [], []
    for sentence in (1, 2, 3):
        ids = [f"{name}{sentence}" for name in ("ref", "one", "two")]
        for number, id in enumerate(ids):
            samples = np.random.default_rng(len(stimuli)).normal(scale=0.1, size=RATE // 10)
            soundfile.write(folder / "audio" / f"{id}.wav", samples, RATE)
            role, system = ("system", f"system {number}") if number else ("reference", "reference")
            more = {"role": role, "system": system, "seconds": 0.1}
            stimuli.append(Stimulus(id=id, sentence=sentence, **more))
        trials.append(
            Trial(id=f"x{sentence}", sentence=sentence, reference=ids[0], stimuli=tuple(ids[1:]))
        )
    page = {"title": "", "text": []}
    BuiltTest(
        id="small-1",
        name="small",
        kind="mushra",
        title="A small test",
        question="How close is it?",
        comments=True,
        seed=0,
        secret="of this test",
        listeners=3,
        per_listener=1,
        systems=("system 1", "system 2"),
        pages=(
            {"type": "consent", **page, "label": "Yes"},
            {"type": "trials", **page},
            {"type": "questionnaire", **page, "questions": QUESTIONS},
            {"type": "finish", **page},
        ),
        trials=tuple(trials),
        stimuli=tuple(stimuli),
    ).save(folder)
    return folder


@pytest.fixture
def client(served):
    app = make_app(served, PASSWORD)
    with closing(app.state.store):
        yield Client(app)


@pytest.fixture
def token(client):
    return client.store.join().result()


@pytest.fixture
def trial(client, token):
    return client.get(f"/api/{token}/session").json()["session"]["pages"][1]
