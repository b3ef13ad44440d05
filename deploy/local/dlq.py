"""`dossier dlq`: lists, shows and replays the dead letters of a broker."""

import asyncio
import logging
import os
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from deploy.local import dlq_view as view
from deploy.local.folder import DataFolder
from deploy.local.ports import HOST
from libs.contracts.topics import BURIED, dead_letters
from libs.messaging.dead_letters import BrokerAway, Replayed, find, replay, survey
from libs.messaging.letters import Place
from libs.messaging.settings import KafkaSettings

OK = 0
NOTHING_SUCH = 1
BROKER_AWAY = 2

BOOTSTRAP = "DOSSIER_KAFKA_BOOTSTRAP"
DEFAULT_DATA = Path(".dossier")
DEAD = {topic.name: dead_letters(topic.name) for topic in BURIED}
"""The topics that have dead letters, and where those lie."""


class Refused(Exception):
    """The command does nothing more; the text says why."""

    def __init__(self, text: str, code: int = NOTHING_SUCH) -> None:
        super().__init__(text)
        self.code = code


def ended(console: Console, work: Coroutine[Any, Any, None], *, as_json: bool = False) -> int:
    """Runs a command and answers its exit code."""
    for name in ("aiokafka", "faststream"):  # they log each try to connect
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        asyncio.run(work)
    except Refused as error:
        view.failure(console, str(error), as_json=as_json)
        return error.code
    except BrokerAway as error:
        view.failure(console, str(error), as_json=as_json)
        return BROKER_AWAY
    return OK


async def list_letters(
    console: Console, data: Path | None, topic: str | None, most: int, *, as_json: bool
) -> None:
    """Prints the newest letters, and how many there are."""
    topics = [_dead(topic)] if topic else list(DEAD.values())
    found = await survey(_kafka(data), topics, most)
    if as_json:
        typer.echo(view.as_json(found, topics))
    else:
        view.table(console, found, topics)


async def show_letter(console: Console, data: Path | None, letter_id: str, *, body: bool) -> None:
    """Prints one letter."""
    place = _place(letter_id)
    letter, replayed = await find(_kafka(data), place)
    if letter is None:
        raise Refused(f"There is no dead letter {place}. See `dossier dlq list`.")
    view.letter(console, letter, replayed=replayed, body=body)


async def replay_letters(
    console: Console, data: Path | None, ids: Sequence[str], *, again: bool
) -> None:
    """Replays letters by their ids; none if one of them was replayed before."""
    wanted = {_place(letter_id) for letter_id in ids}
    topics = {place.topic for place in wanted}
    settings = _kafka(data)
    found = await survey(settings, topics, 0)
    before = sorted(wanted & found.replayed)
    if before and not again:
        names = ", ".join(map(str, before))
        raise Refused(f"Nothing was sent. Replayed before: {names}. To repeat that: --again")
    done = await replay(settings, topics, found.ends, wanted.__contains__)
    missing = wanted - set(done.sent) - done.refused.keys()
    done.refused |= dict.fromkeys(missing, "There is no such letter.")
    _report(console, done)


async def replay_all(
    console: Console, data: Path | None, topic: str, *, again: bool, ask: bool
) -> None:
    """Replays all letters of a topic, those that were replayed before only `again`."""
    dead = _dead(topic)
    settings = _kafka(data)
    found = await survey(settings, [dead], 0)
    count = found.letters[dead] if again else found.waiting(dead)
    if not count:
        raise Refused(f"No dead letter of {topic} waits to be replayed.")
    if ask and not typer.confirm(f"Publish {count} messages to {topic} again?"):
        raise Refused("Nothing was sent.")
    skipped = set() if again else found.replayed
    _report(console, await replay(settings, [dead], found.ends, lambda p: p not in skipped))


def _report(console: Console, done: Replayed) -> None:
    view.replayed(console, done)
    if done.refused:
        raise Refused(f"{len(done.refused)} were not replayed.")
    if done.unmarked:
        raise Refused(
            f"All were replayed, but {len(done.unmarked)} could not be marked: they still seem "
            "to wait. Replaying them again is harmless, their consumer knows them."
        )


def _dead(topic: str) -> str:
    if topic not in DEAD:
        raise Refused(f"{topic} has no dead letters. Topics that have: {', '.join(DEAD)}")
    return DEAD[topic]


def _place(letter_id: str) -> Place:
    try:
        place = Place.parse(letter_id)
    except ValueError:
        place = Place("", 0, 0)
    if place.topic not in DEAD.values():
        raise Refused(f"{letter_id!r} is no id of a dead letter. See `dossier dlq list`.")
    return place


def _kafka(data: Path | None) -> KafkaSettings:
    """The broker of a data folder that is named, else the one of the environment."""
    if data is None and BOOTSTRAP in os.environ:
        return KafkaSettings()
    folder = DataFolder(data or DEFAULT_DATA)
    ports = folder.read("ports.json")
    if "broker" not in ports:
        raise Refused(
            f"No stack was ever started in {folder.path}. Name its folder with --data, "
            f"or a broker with {BOOTSTRAP}.",
            BROKER_AWAY,
        )
    return KafkaSettings(bootstrap=f"{HOST}:{ports['broker']}", embedded=True)
