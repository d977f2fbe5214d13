"""A client of the application, without a network, and answers to give it."""

import asyncio

import httpx

from tts_compress.listening.design import sounds_of

PASSWORD = "open sesame"
SCRIPT = "<script>alert('x')</script>"


class Client:
    """Asks an application as a browser would, one request after another."""

    def __init__(self, app):
        self.app = app
        self.store = app.state.store
        self.cookies = httpx.Cookies()

    def ask(self, method, path, **more):
        async def ask():
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            base = "http://test.local"
            async with httpx.AsyncClient(transport=transport, base_url=base) as client:
                client.cookies = self.cookies
                reply = await client.request(method, path, **more)
                self.cookies = client.cookies
                return reply

        return asyncio.run(ask())

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def put(self, path, answer, **more):
        return self.ask("PUT", path, json=answer, **more)


def said(trial, revision=1, done=False, **more):
    """A good answer to a trial, or one with a fault."""
    plays = dict.fromkeys(sorted(sounds_of(trial)), 1)
    values = {"ratings": {each["id"]: 1 for each in trial["stimuli"]}}
    if trial["kind"] == "cmos":
        values = {"ratings": {trial["stimuli"][1]["id"]: -2}}
    if trial["kind"] in ("ab", "abx"):
        values = {"choice": trial["stimuli"][1]["id"]}
    answer = {"revision": revision, "done": done, "values": values, "seconds": 2.5}
    return answer | {"plays": plays} | more


def whole(page):
    """A complete answer to any page."""
    match page["type"]:
        case "trial":
            return said(page, done=True)
        case "consent":
            values = {"agreed": True}
        case "volume":
            values = {"volume": 0.5}
        case "headphones":
            values = {"choices": {trial["id"]: 2 for trial in page["trials"]}}
        case "questionnaire":
            required = [each["id"] for each in page["questions"] if each["required"]]
            values = {"answers": dict.fromkeys(required, SCRIPT)}
        case _:
            values = {}
    return {"revision": 1, "done": True, "values": values, "seconds": 1.0, "plays": {}}


def admin(password=PASSWORD, user="admin"):
    return {"auth": (user, password)}
