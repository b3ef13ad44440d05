"""Cleaning of text that came from outside. Pure."""

import re
from typing import Any

# Control characters break terminals, and PostgreSQL stores no NUL; a lone surrogate is no text.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f\u200b\u2060\ufeff\ud800-\udfff]")
_SPACES = re.compile(r"\s+")


def word_set(text: str) -> frozenset[str]:
    """The words of a table that is easier to read as one text."""
    return frozenset(text.split())


def one_line(text: str) -> str:
    """The text on one line, without control characters and repeated spaces."""
    return _SPACES.sub(" ", _UNWANTED.sub("", text.replace("\r", "\n"))).strip()


def cut_bytes(text: str, limit_bytes: int) -> str:
    """The longest run of whole lines from the start that fits; of one long line, what fits."""
    data = text.encode()
    if len(data) <= limit_bytes:
        return text
    head = data[:limit_bytes].decode("utf-8", "ignore")
    lines, newline, _ = head.rpartition("\n")
    return lines if newline else head


def clean_json(value: Any, depth: int = 8) -> Any:
    """The value with all its texts cleaned; what is nested deeper than `depth` is left out."""
    if isinstance(value, str):
        return one_line(value)
    if depth == 0 and isinstance(value, dict | list):
        return None
    if isinstance(value, dict):
        return {one_line(str(key)): clean_json(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [clean_json(item, depth - 1) for item in value]
    return value
