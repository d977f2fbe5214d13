"""The web application of a test: what listeners and the admin may ask for.

No path comes from a request: pages, sounds and assets are looked up by name among those that the
listener's session or this package has. All that listeners typed goes out as JSON or CSV only.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tts_compress.errors import ListeningError
from tts_compress.listening import design
from tts_compress.listening.built import AUDIO, BuiltTest
from tts_compress.listening.serving.access import (
    HEADERS,
    Gate,
    Pace,
    SafeHeaders,
    json_body,
    refuse_other_sites,
)
from tts_compress.listening.serving.admin import Admin
from tts_compress.listening.serving.assets import Assets
from tts_compress.listening.serving.database import Listener
from tts_compress.listening.serving.store import Store
from tts_compress.listening.serving.validation import read_answer

COOKIE, COOKIE_SECONDS = "listener", 30 * 24 * 3600
KEPT_SESSIONS = 1000  # in memory; others are made anew when asked for
SOUND = {"Cache-Control": "private, max-age=31536000, immutable"}


class Listening:
    """The part of listeners: each token opens one session and its answers."""

    def __init__(
        self, folder: Path, test: BuiltTest, store: Store, assets: Assets, open_to_all: bool
    ) -> None:
        self.folder, self.test, self.store, self.assets = folder, test, store, assets
        self.open_to_all, self.pace = open_to_all, Pace()
        self._session = lru_cache(KEPT_SESSIONS)(lambda number: design.session(test, number))

    def routes(self) -> list[Route]:
        """Gives what listeners may ask for."""
        api = "/api/{token}"
        return [
            Route("/", self.start),
            Route("/join", self.join, methods=["POST"]),
            Route("/t/{token}", self.page),
            Route("/assets/{name}", self.assets.asset),
            Route(f"{api}/session", self.session),
            Route(f"{api}/answers/{{page}}", self.answer, methods=["PUT"]),
            Route(f"{api}/finish", self.finish, methods=["POST"]),
            Route(f"{api}/audio/{{name}}", self.audio),
        ]

    async def start(self, request: Request) -> Response:
        """Says what this is; in an open test, with a button to begin."""
        if not self.open_to_all:
            return self.assets.page("closed.html")
        reply = self.assets.page("start.html")
        reply.headers["Referrer-Policy"] = "same-origin"  # with none, forms hide their origin
        return reply

    async def join(self, request: Request) -> Response:
        """Gives a link to whoever asks, the same again to the same browser."""
        if not self.open_to_all:
            raise HTTPException(404, "This test is for those who have a link.")
        refuse_other_sites(request)
        token = request.cookies.get(COOKIE, "")
        if not self.store.listener(token):
            self.pace.check()
            token = await asyncio.wrap_future(self.store.join())
        reply = RedirectResponse(f"/t/{token}", 303)
        reply.set_cookie(
            COOKIE, token, COOKIE_SECONDS, path="/join", httponly=True, samesite="strict"
        )
        return reply

    async def page(self, request: Request) -> Response:
        """Gives the page of a listener; it asks for the rest."""
        if not self.store.listener(request.path_params["token"]):
            return self.assets.page("closed.html", 404)
        return self.assets.page("index.html")

    async def session(self, request: Request) -> Response:
        """Gives a listener's session and answers."""
        listener = self._listener(request)
        answers = self.store.answers(listener.token)
        return JSONResponse(
            {
                "session": self._session(listener.number),
                "answers": {page: asdict(answer) for page, answer in answers.items()},
                "finished": listener.finished is not None,
                "code": self._code(listener.token) if listener.finished else None,
            }
        )

    async def answer(self, request: Request) -> Response:
        """Keeps an answer to a page; the reply is sent once the disk has it."""
        listener = self._listener(request)
        id = request.path_params["page"]
        pages = {page["id"]: page for page in self._session(listener.number)["pages"]}
        if id not in pages:
            raise HTTPException(404, "No page of this listener.")
        try:
            answer = read_answer(pages[id], await json_body(request))
        except ListeningError as error:
            raise HTTPException(400, str(error)) from None
        saved = await asyncio.wrap_future(self.store.save(listener.token, id, answer))
        stored = saved.answer
        if stored.done and not saved.taken:
            text = f"{id}: done with revision {stored.revision}, and takes no more changes."
            return JSONResponse({"error": text, "answer": asdict(stored)}, 409)
        reply = {"revision": stored.revision, "done": stored.done, "taken": saved.taken}
        return JSONResponse(reply)

    async def finish(self, request: Request) -> Response:
        """Gives the completion code to a listener who did all pages."""
        listener = self._listener(request)
        refuse_other_sites(request)
        pages = self._session(listener.number)["pages"]
        needed = [page["id"] for page in pages if page["type"] != "finish"]
        missing = await asyncio.wrap_future(self.store.finish(listener.token, needed))
        if missing:
            reply = {"error": f"{len(missing)} pages are not done.", "missing": missing}
            return JSONResponse(reply, 409)
        return JSONResponse({"code": self._code(listener.token)})

    async def audio(self, request: Request) -> Response:
        """Gives a sound of a listener's session, or a range of its bytes."""
        ids = design.audio_ids(self._session(self._listener(request).number))
        paths = {f"{id}.wav": self.folder / AUDIO / f"{id}.wav" for id in ids}
        if path := paths.get(request.path_params["name"]):
            return FileResponse(path, media_type="audio/wav", headers=SOUND)
        raise HTTPException(404, "No sound of this listener.")

    def n_pages(self, listener: int) -> int:
        """Gives how many pages a listener must do."""
        return sum(page["type"] != "finish" for page in self._session(listener)["pages"])

    def _listener(self, request: Request) -> Listener:
        if listener := self.store.listener(request.path_params["token"]):
            return listener
        raise HTTPException(404, "No such link.")

    def _code(self, token: str) -> str:
        return design.completion_code(self.test, token)


def make_app(folder: Path, password: str, open_to_all: bool = False) -> Starlette:
    """Makes the application of a built test.

    ``app.state.store`` holds its answers; a server closes it at its end.

    Args:
        folder: The built test.
        password: Opens the admin page.
        open_to_all: Whether the first page gives links.

    Raises:
        ListeningError: The folder is no complete test, or its answers are of another one.
    """
    test = BuiltTest.load(folder)
    missing = [s.id for s in test.stimuli if not (folder / AUDIO / f"{s.id}.wav").is_file()]
    if missing:
        raise ListeningError(
            f"{folder / AUDIO}: {len(missing)} of {len(test.stimuli)} sounds are missing, "
            f"got none for {missing[0]!r}. Build the test again."
        )
    store = Store(folder, test.id)
    assets = Assets()
    listening = Listening(folder, test, store, assets, open_to_all)
    admin = Admin(folder, test, store, assets, Gate(password), listening.n_pages)

    @asynccontextmanager
    async def closing_store(app: Starlette) -> AsyncIterator[None]:
        yield
        store.close()

    app = Starlette(
        routes=[*listening.routes(), *admin.routes()],
        middleware=[Middleware(SafeHeaders)],
        exception_handlers=_HANDLERS,
        lifespan=closing_store,
    )
    app.router.redirect_slashes = False
    app.state.store = store
    return app


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it


async def _failed(request: Request, error: Exception) -> Response:
    """Nothing is acknowledged: the page keeps the answer and tries again."""
    reply = {"error": "The server could not do this now. Try again."}
    return JSONResponse(reply, 500, headers=HEADERS)


_HANDLERS: dict[Any, Callable[[Request, Exception], Any]] = {
    HTTPException: _refused,
    ClientDisconnect: _gone,
    Exception: _failed,
}
