"""What is refused: forged, oversized and malformed requests, other sites, guessed passwords."""

import json
from contextlib import closing

import httpx
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from tests.listening.asking import PASSWORD, Client, said
from tts_compress.listening.serving.access import LARGEST, MOST_JOINING, Gate, Pace
from tts_compress.listening.serving.app import make_app


def test_every_reply_has_safe_headers(client, token, trial):
    paths = ("/", f"/t/{token}", "/t/x", "/assets/main.js", "/assets/x", "/admin")
    paths += (f"/api/{token}/session", f"/api/{token}/audio/{trial['reference']}.wav", "/x")
    for path in paths:
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "data:" not in policy
        assert "blob:" not in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
    assert client.get(f"/api/{token}/session").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "Invalid JSON"),
        ("{", "Invalid JSON"),
        ("[]", "object"),
        ("[" * 100_000, "recursion limit"),
        ('{"a":' * 1000 + "1" + "}" * 1000, "recursion limit"),
        ('"\\ud800"', "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
    ],
)
def test_malformed_json_is_refused(client, token, trial, body, message):
    headers = {"Content-Type": "application/json"}
    path = f"/api/{token}/answers/{trial['id']}"
    reply = client.ask("PUT", path, content=body, headers=headers)
    assert reply.status_code == 400
    assert message in reply.json()["error"]
    assert len(reply.text) < 300


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 5000])
@pytest.mark.parametrize("key", ["seconds", "revision", "rating"])
def test_numbers_must_be_finite(client, token, trial, key, number):
    body = said(trial)
    if key == "rating":
        body["values"]["ratings"][trial["stimuli"][0]["id"]] = "here"
    else:
        body[key] = "here"
    content = json.dumps(body).replace('"here"', number)
    headers = {"Content-Type": "application/json"}
    path = f"/api/{token}/answers/{trial['id']}"
    assert client.ask("PUT", path, content=content, headers=headers).status_code == 400
    assert client.store.answers(token) == {}


@pytest.mark.parametrize("content_type", [None, "text/plain", "multipart/form-data", "application"])
def test_other_types_of_content_are_refused(client, token, trial, content_type):
    headers = {"Content-Type": content_type} if content_type else {}
    path, body = f"/api/{token}/answers/{trial['id']}", json.dumps(said(trial))
    reply = client.ask("PUT", path, content=body, headers=headers)
    assert reply.status_code == 415
    assert reply.json() == {"error": "Content-Type must be application/json."}


def test_a_body_that_is_too_large_is_not_read_to_its_end(client, token, trial):
    taken = []

    async def parts():
        for part in range(1000):
            taken.append(part)
            yield b" " * 10_000

    headers = {"Content-Type": "application/json"}
    path = f"/api/{token}/answers/{trial['id']}"
    reply = client.ask("PUT", path, content=parts(), headers=headers)
    assert reply.status_code == 413
    assert len(taken) == LARGEST // 10_000 + 1
    body = b" " * (LARGEST + 1)  # with its length declared
    assert client.ask("PUT", path, content=body, headers=headers).status_code == 413


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/"),
        ("GET", "/join"),
        ("POST", "/t/x"),
        ("POST", "/api/x/session"),
        ("GET", "/api/x/answers/t001"),
        ("POST", "/api/x/answers/t001"),
        ("DELETE", "/api/x/answers/t001"),
        ("GET", "/api/x/finish"),
        ("PUT", "/api/x/audio/ref1.wav"),
        ("GET", "/admin/links"),
        ("POST", "/admin/progress.json"),
        ("TRACE", "/admin"),
    ],
)
def test_other_methods_are_refused(client, method, path):
    reply = client.ask(method, path)
    assert reply.status_code == 405
    assert reply.json() == {"error": "Method Not Allowed"}


def test_pages_of_nobody_take_no_answers(client, token, trial):
    for page in ("t999", "x1", "%00", "..", "consent%20"):
        assert client.put(f"/api/{token}/answers/{page}", said(trial)).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
    ],
)
def test_other_sites_cannot_join_or_finish(served, headers):
    app = make_app(served, PASSWORD, open_to_all=True)
    with closing(app.state.store):
        client = Client(app)
        assert client.ask("POST", "/join", headers=headers).status_code == 403
        assert client.store.listeners() == []
        token = client.store.join().result()
        assert client.ask("POST", f"/api/{token}/finish", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "forged", ["x", "a" * 32, "%00", "..%2f..", "%27%20OR%201%3D1%20--", "%", "é"]
)
def test_forged_tokens_open_nothing(client, token, trial, forged):
    assert client.get(f"/t/{forged}").status_code == 404
    for path in ("session", f"audio/{trial['reference']}.wav"):
        assert client.get(f"/api/{forged}/{path}").status_code == 404
    assert client.put(f"/api/{forged}/answers/{trial['id']}", said(trial)).status_code == 404
    assert client.ask("POST", f"/api/{forged}/finish").status_code == 404


def test_no_more_than_so_many_join_in_a_minute():
    now = [0.0]
    pace = Pace(clock=lambda: now[0])
    for _ in range(MOST_JOINING):
        pace.check()
        now[0] += 0.5
    with pytest.raises(HTTPException, match="start in a minute") as refused:
        pace.check()
    assert (refused.value.status_code, refused.value.headers) == (429, {"Retry-After": "11"})
    now[0] = 60.4  # the first was a minute ago, the second was not
    pace.check()
    with pytest.raises(HTTPException):
        pace.check()


def test_who_has_joined_is_let_in_again_when_too_many_join(served):
    app = make_app(served, PASSWORD, open_to_all=True)
    with closing(app.state.store):
        first, others = Client(app), Client(app)
        link = first.ask("POST", "/join").headers["location"]
        joined = []
        for _ in range(MOST_JOINING):
            others.cookies.clear()
            joined.append(others.ask("POST", "/join").status_code)
        assert joined == [303] * (MOST_JOINING - 1) + [429]
        assert first.ask("POST", "/join").headers["location"] == link
        assert len(app.state.store.listeners()) == MOST_JOINING


def test_wrong_passwords_make_an_address_wait():
    now = [0.0]
    gate = Gate(PASSWORD, clock=lambda: now[0])

    def status(password, host="10.0.0.1"):
        auth = httpx.BasicAuth("admin", password)
        request = next(auth.sync_auth_flow(httpx.Request("GET", "http://x")))
        headers = [(b"authorization", request.headers["authorization"].encode())]
        try:
            gate.check(Request({"type": "http", "headers": headers, "client": (host, 1)}))
        except HTTPException as error:
            return error.status_code
        return 200

    assert [status("wrong") for _ in range(6)] == [401] * 5 + [429]
    assert status(PASSWORD) == 429
    assert status(PASSWORD, "10.0.0.2") == 200
    now[0] = 1.1
    assert status("wrong") == 401
    now[0] = 3.0
    assert status(PASSWORD) == 429  # longer than before
    now[0] = 3.2
    assert [status(PASSWORD), status("wrong")] == [200, 401]
