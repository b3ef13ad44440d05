"""`dossier demo`: the bundled site or a real one, a stack in a scratch folder, both jobs once."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from deploy.local.demo_api import Api
from deploy.local.demo_site.site import served
from deploy.local.demo_tour import StepFailed, Subject, Tour
from deploy.local.demo_view import View
from deploy.local.folder import DataFolder, write_json
from deploy.local.ports import free_ports
from deploy.local.process import tail
from deploy.local.stack import Stack

ALLOW_HOSTS = "DOSSIER_CRAWL_ALLOW_HOSTS"
SCRATCH_PREFIX = "scratch-"


class DemoError(Exception):
    """The demo failed; the message says where, why, and how the log of that step ends."""


async def demo(
    console: Console, chosen: Subject, data: Path, port: int | None, summary: Path | None
) -> None:
    """Runs the demo in a scratch folder under `data`, which is removed again.

    Raises:
        StartError: the stack did not start.
        DemoError: the input is not enough, or a step failed.
    """
    began = time.monotonic()
    view = View(console)
    with _scratch(data) as path, _subject(chosen) as (subject, settings):
        folder = DataFolder(path)
        stack = Stack(folder, view.note, port=port, durable=False, settings=settings)
        try:
            view.heading("start")
            keys = await stack.start()
            seconds = {"start": round(time.monotonic() - began, 2)}
            async with Api(stack.url, keys.user) as api:
                tour = Tour(api, view, subject)
                await tour.walk()
        except StepFailed as failure:
            log = folder.log(failure.process)
            raise DemoError(f"{failure}\n\n{log.name} ends with:\n{tail(log)}") from failure
        finally:
            view.heading("stop")
            await stack.stop()
    seconds |= tour.seconds | {"total": round(time.monotonic() - began, 2)}
    view.figures(seconds)
    if summary is not None:
        result = {"context": tour.context, "report": tour.report, "ledger": tour.ledger}
        write_json(summary, result | {"sources": tour.sources, "seconds": seconds})


@contextmanager
def _subject(chosen: Subject) -> Iterator[tuple[Subject, Mapping[str, str]]]:
    """Whom to research, and the settings for it: the bundled site is on loopback, which a
    crawl refuses unless it is named."""
    named = bool(chosen.first and chosen.last and chosen.company)
    if chosen == Subject("", "", "", "", ""):
        with served(free_ports(1)[0]) as origin:
            hosts = [os.environ.get(ALLOW_HOSTS, ""), origin.removeprefix("http://")]
            allowed = {ALLOW_HOSTS: ",".join(filter(None, hosts))}
            yield Subject(origin, "Maren", "Aldous", "Brindlewick", ""), os.environ | allowed
    elif chosen.site and (named or chosen.linkedin):
        yield chosen, os.environ
    else:
        raise DemoError(
            "A real demo needs a site and a person: SITE=https://… and FIRST=… LAST=… COMPANY=…, "
            "or SITE=https://… and LINKEDIN=https://www.linkedin.com/in/…"
        )


@contextmanager
def _scratch(data: Path) -> Iterator[Path]:
    """A folder for one demo; those of demos that were killed go with it."""
    data.mkdir(parents=True, exist_ok=True)
    for old in data.glob(f"{SCRATCH_PREFIX}*"):
        if not _in_use(old):
            shutil.rmtree(old, ignore_errors=True)
    path = Path(tempfile.mkdtemp(dir=data, prefix=SCRATCH_PREFIX))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _in_use(folder: Path) -> bool:
    try:
        with (folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    return False
