"""YAML files of ours: plain values, and where each of them stands.

YAML is read as its version 1.2 says: ``1e-3`` is a number, and ``no`` and dates are text.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic_core import ErrorDetails
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from tts_compress.errors import RecipeError

MAX_BYTES = 2**20


def read_text(path: Path) -> str:
    """Gives the text of a small file.

    Raises:
        RecipeError: The file is missing, too large, or no UTF-8 text.
    """
    if not path.is_file():
        raise RecipeError(f"{path}: no such file. Check the path.")
    if path.stat().st_size > MAX_BYTES:
        raise RecipeError(f"{path}: larger than {MAX_BYTES} bytes. Give a recipe, or sentences.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise RecipeError(f"{path}: is no UTF-8 text. Save it as UTF-8.") from None


class _Loader(yaml.SafeLoader):
    """Tells numbers from text as YAML 1.2 does; refuses aliases, which can grow without bound."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (as PyYAML declares it)

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            problem = "an alias is not known here, write the value out"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
        return super().compose_node(parent, index)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", [*"~nN", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", r"[-+]?(0|[1-9][0-9]*)", [*"-+0123456789"]),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", [*"-+.0123456789"]),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), _first
    )


@dataclass(frozen=True)
class YamlFile:
    """A YAML file: its plain values, and the parsed text, which knows the line of each.

    Attributes:
        path: Where it is.
        values: What it says.
        root: The parsed text.
    """

    path: Path
    values: dict[str, Any]
    root: Node

    @classmethod
    def read(cls, path: Path, known: Iterable[str]) -> "YamlFile":
        """Gives the file at this path.

        Args:
            path: Where it is.
            known: Names that it may hold, for messages.

        Raises:
            RecipeError: There is no such file, or it does not hold names and values once each.
        """
        try:
            loader = _Loader(read_text(path))
            root = loader.get_single_node()
            values = _plain(loader, root, path) if root else None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            where = f"{path}:{mark.line + 1}" if mark else f"{path}"
            problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
            raise RecipeError(f"{where}: cannot be read as YAML, {problem}. Correct it.") from None
        if root is None or not isinstance(values, dict):
            raise RecipeError(
                f"{path}: must be names and values, got {values!r}. Known: {', '.join(known)}."
            )
        return cls(path, values, root)

    def find(self, given: str, keys: Sequence[str]) -> Path:
        """Gives the existing path that a recipe names.

        Raises:
            RecipeError: There is none.
        """
        folders = [*self.path.absolute().parents, Path.cwd()]
        for folder in folders:
            found = folder / given
            if given and found.exists():
                return found
        raise self.error(
            keys,
            f"no such file or folder, got {given!r}. "
            f"Looked in {folders[0]}, the folders above it, and {folders[-1]}.",
        )

    def error(
        self, keys: Sequence[str | int], message: str, at: Sequence[str | int] | None = None
    ) -> RecipeError:
        """Gives an error that starts with the line and the keys."""
        dotted = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
        where = f"{dotted.removeprefix('.')}: " if keys else ""
        return RecipeError(f"{self.path}:{self._line(at or keys)}: {where}{message}".strip())

    def _line(self, keys: Sequence[str | int]) -> int:
        """Gives the line, from 1, of the value under these keys, or of what is around it."""
        node, line = self.root, self.root.start_mark.line
        for key in keys:
            if isinstance(node, MappingNode):
                inside = {k.value: (k.start_mark.line, value) for k, value in node.value}
            elif isinstance(node, SequenceNode):
                inside = {i: (item.start_mark.line, item) for i, item in enumerate(node.value)}
            else:
                break
            if key not in inside:
                break
            line, node = inside[key]
        return int(line) + 1


MESSAGES = {
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be names and values",
    "model_type": "must be names and values",
    "model_attributes_type": "must be names and values",
    "string_pattern_mismatch": "cannot name a folder",
    "too_short": "must hold at least one value",
}


def complaint(error: ErrorDetails) -> str:
    """Says what is wrong with a value, and what it is, unless what is wrong says so."""
    if error["type"] in ("value_error", "assertion_error"):
        what = str(error["ctx"]["error"]).rstrip(".")
    else:
        what = MESSAGES.get(error["type"]) or error["msg"].replace("Input should", "must")
    return f"{what}." if ", got " in what else f"{what}, got {error['input']!r}."


def _plain(loader: _Loader, node: Node, path: Path) -> Any:
    """Gives the plain value of a parsed text."""
    if isinstance(node, SequenceNode):
        return [_plain(loader, item, path) for item in node.value]
    if not isinstance(node, MappingNode):
        return loader.construct_object(node)
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value if isinstance(key_node, ScalarNode) else str(key_node.value)
        if key in values:
            line = key_node.start_mark.line + 1
            raise RecipeError(f"{path}:{line}: key given twice, got {key!r}. Remove one.")
        values[key] = _plain(loader, value_node, path)
    return values
