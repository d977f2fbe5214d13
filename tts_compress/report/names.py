"""Names of files: of letters and digits only, and each its own."""

import re


class Names:
    """Gives what has a key a name that is safe in a folder and in an address.

    >>> names = Names()
    >>> names.of("317f5893fa5a"), names.of("../a"), names.of(".a"), names.of("../a")
    ('317f5893fa5a', '-a', '-a-2', '-a')
    """

    def __init__(self) -> None:
        self._given: dict[str, str] = {}

    def of(self, key: str, text: str | None = None) -> str:
        """Gives the name of a key, always the same.

        Args:
            key: What it is known by.
            text: What to call it, if not by its key.
        """
        if key not in self._given:
            plain = re.sub(r"[^A-Za-z0-9_-]+", "-", key if text is None else text)[:60] or "run"
            name, count = plain, 2
            while name in self._given.values():
                name, count = f"{plain}-{count}", count + 1
            self._given[key] = name
        return self._given[key]
