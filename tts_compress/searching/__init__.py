"""From a target to a plain recipe that meets it: what can be chosen is tried until it does."""

from tts_compress.searching.search import search

__all__ = ["search"]
