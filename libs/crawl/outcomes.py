"""How an attempt to read a page ends without text, and what a tier hands back when it has some."""

from dataclasses import dataclass

from libs.contracts.sources import SourceStatus


@dataclass(frozen=True, slots=True)
class Page:
    """A fetched page. `url` is where it was found after redirects."""

    url: str
    html: str
    via: str


class PageEnded(Exception):
    """The page gives no text. `reason` is a phrase for people."""

    def __init__(self, status: SourceStatus, reason: str) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason


def blocked(reason: str) -> PageEnded:
    """The site does not want to be read."""
    return PageEnded(SourceStatus.BLOCKED, reason)


def refused(reason: str) -> PageEnded:
    """Reading it would not be safe."""
    return PageEnded(SourceStatus.REFUSED, reason)


def failed(reason: str) -> PageEnded:
    """It could not be read."""
    return PageEnded(SourceStatus.FAILED, reason)


def skipped(reason: str) -> PageEnded:
    """It was left out on purpose."""
    return PageEnded(SourceStatus.SKIPPED, reason)
