"""The prompts, as files: one folder for each version, recorded in every result's generator name."""

from pathlib import Path

VERSION = "v1"

_FOLDER = Path(__file__).parent / VERSION


def prompt(name: str) -> str:
    """The text of a prompt of the current version."""
    return (_FOLDER / f"{name}.md").read_text(encoding="utf-8")
