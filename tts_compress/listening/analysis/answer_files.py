"""Files that a static test gives its listeners to send back."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from tts_compress.errors import ListeningError
from tts_compress.listening.built import BuiltTest
from tts_compress.listening.design import session
from tts_compress.listening.serving.validation import read_answer

LARGEST_FILE = 10_000_000  # bytes; a long test gives some hundred thousand


class _File(BaseModel):
    """What is in it."""

    model_config = ConfigDict(extra="ignore", strict=True)

    format: int
    test: str
    listener: int
    token: str
    started: str | None = None
    finished: str | None = None
    answers: dict[str, dict[str, Any]]


def read_file(test: BuiltTest, path: Path) -> dict[str, Any]:
    """Reads one listener's answers; each is checked as the server does.

    Returns:
        As one entry of `store.read_listeners`.

    Raises:
        ListeningError: The file is damaged, or of another test.
    """
    remedy = "Ask the listener for the file again, or leave it out."
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ListeningError(
                f"{path}: too large for answers, got {path.stat().st_size} bytes. {remedy}"
            )
        file = _File.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ListeningError(f"{path}: cannot be read, got '{error.strerror}'. {remedy}") from None
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in fault["loc"]) or "file"
        raise ListeningError(
            f"{path}: no answers of a static test, got {where}: {fault['msg']!r}. {remedy}"
        ) from None
    if file.format != 1:
        raise ListeningError(
            f"{path}: format {file.format}, this version reads 1. Upgrade tts_compress."
        )
    if file.test != test.id:
        raise ListeningError(
            f"{path}: answers of another test, got id {file.test!r}. "
            f"{test.name!r} has the id {test.id!r}; analyze each test on its own."
        )
    if file.listener < 0 or not file.token:
        raise ListeningError(f"{path}: no listener, got number {file.listener!r}. {remedy}")
    pages = {page["id"]: page for page in session(test, file.listener)["pages"]}
    for id, answer in file.answers.items():
        if id not in pages:
            raise ListeningError(f"{path}: no page of its listener, got {id!r}. {remedy}")
        try:
            read_answer(pages[id], json.dumps(answer).encode())
        except ListeningError as error:
            raise ListeningError(f"{path}: damaged, got '{error}'. {remedy}") from None
    return {**file.model_dump(), "number": file.listener}
