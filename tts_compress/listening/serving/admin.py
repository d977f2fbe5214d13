"""The part of the admin: who is how far, new links, and the answers to take away."""

import asyncio
import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tts_compress.listening import design
from tts_compress.listening.built import BuiltTest
from tts_compress.listening.serving.access import Gate, json_body
from tts_compress.listening.serving.assets import Assets
from tts_compress.listening.serving.database import Listener
from tts_compress.listening.serving.store import Store, read_listeners

MOST_LINKS = 1000  # at a time
COLUMNS = ("listener", "page", "done", "revision", "seconds", "name", "system", "value")


class _Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    count: int = Field(ge=1, le=MOST_LINKS)


class Admin:
    """What the password opens."""

    def __init__(
        self,
        folder: Path,
        test: BuiltTest,
        store: Store,
        assets: Assets,
        gate: Gate,
        n_pages: Callable[[int], int],
    ) -> None:
        self.folder, self.test, self.store, self.assets = folder, test, store, assets
        self.gate, self.n_pages = gate, n_pages

    def routes(self) -> list[Route]:
        """Gives what the admin may ask for."""
        return [
            Route("/admin", self.page),
            Route("/admin/progress.json", self.progress),
            Route("/admin/links", self.links, methods=["POST"]),
            Route("/admin/answers.json", self.answers_json),
            Route("/admin/answers.csv", self.answers_csv),
        ]

    async def page(self, request: Request) -> Response:
        """Gives the admin page; it asks for the rest."""
        self.gate.check(request)
        return self.assets.page("admin.html")

    async def progress(self, request: Request) -> Response:
        """Says how far each listener is."""
        self.gate.check(request)
        done = self.store.n_done()
        listeners = [self._row(each, done.get(each.token, 0)) for each in self.store.listeners()]
        test = {"test": self.test.name, "kind": self.test.kind, "title": self.test.title}
        return JSONResponse(test | {"listeners": listeners})

    async def links(self, request: Request) -> Response:
        """Makes links for more listeners."""
        self.gate.check(request)
        try:
            wanted = _Wanted.model_validate_json(await json_body(request))
        except ValidationError:
            raise HTTPException(400, f"count: must be 1 to {MOST_LINKS}.") from None
        joining = [asyncio.wrap_future(self.store.join()) for _ in range(wanted.count)]
        return JSONResponse({"links": [link(token) for token in await asyncio.gather(*joining)]})

    async def answers_json(self, request: Request) -> Response:
        """Gives all answers as they are stored."""
        self.gate.check(request)
        listeners = await asyncio.to_thread(read_listeners, self.folder)
        reply = {"format": 1, "test": self.test.id, "listeners": listeners}
        return JSONResponse(reply, headers=_download(f"{self.test.id}.json"))

    async def answers_csv(self, request: Request) -> Response:
        """Gives all answers as a table, one value a row."""
        self.gate.check(request)
        listeners = await asyncio.to_thread(read_listeners, self.folder)
        text = await asyncio.to_thread(_table, self.test, listeners)
        return Response(text, media_type="text/csv", headers=_download(f"{self.test.id}.csv"))

    def _row(self, listener: Listener, done: int) -> dict[str, Any]:
        code = design.completion_code(self.test, listener.token) if listener.finished else None
        return {
            "link": link(listener.token),
            "number": listener.number,
            "created": listener.created,
            "started": listener.started,
            "finished": listener.finished,
            "done": done,
            "pages": self.n_pages(listener.number),
            "code": code,
        }


def link(token: str) -> str:
    """Gives the path of a listener's page."""
    return f"/t/{token}"


def _download(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _table(test: BuiltTest, listeners: list[dict[str, Any]]) -> str:
    systems = {stimulus.id: stimulus.system for stimulus in test.stimuli}
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for listener in listeners:
        for page, answer in sorted(listener["answers"].items()):
            first = [listener["number"], page, int(answer["done"])]
            first += [answer["revision"], answer["seconds"]]
            for name, value in _values(answer["values"]):
                system = systems.get(name.rpartition(".")[2]) or systems.get(str(value), "")
                table.writerow([*first, *map(_harmless, (name, system, value))])
    return text.getvalue()


def _values(values: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Gives all single values in nested ones, with dotted names."""
    if isinstance(values, dict):
        for key, value in values.items():
            yield from _values(value, f"{name}.{key}" if name else key)
    elif isinstance(values, list):
        for value in values:
            yield name, value
    else:
        yield name, values


def _harmless(cell: Any) -> Any:
    """Gives a cell that no spreadsheet takes for a formula.

    >>> _harmless("=1+1"), _harmless("fine"), _harmless(-3)
    ("'=1+1", 'fine', -3)
    """
    risky = isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{cell}" if risky else cell
