"""A dead letter keeps what its message was, and gives it back."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

import libs.contracts.topics as topics
from libs.contracts.topics import BURIED, DEAD_LETTERS_KEPT
from libs.messaging.admin import declared
from libs.messaging.bus import Incoming, Outgoing
from libs.messaging.letters import (
    CUT,
    DeadLetter,
    NotReplayable,
    Place,
    letter_of,
    read,
    shortened,
)
from tests.support.memory import START, arriving
from tests.unit.messaging.desk import held

SERVICES = Path(__file__).parents[3] / "services"


def kept(letter: Outgoing, offset: int = 4) -> Incoming:
    """A letter as it is read again."""
    return Incoming(letter.topic, letter.key, letter.headers, letter.value, 1, offset)


def dead(message: Incoming) -> DeadLetter:
    letter = read(kept(letter_of(message, "why", START)), START)
    assert isinstance(letter, DeadLetter)
    return letter


def test_the_message_comes_back_as_it_was() -> None:
    message = replace(arriving(held("a"), offset=7), value=b"\xff\0", key="k")
    letter = dead(message)
    assert (letter.reason, letter.origin) == ("why", "credits.events.v1/0/7")
    again = letter.message()
    assert (again.topic, again.key, again.value) == (message.topic, "k", b"\xff\0")
    assert again.headers == {**message.headers, "replayed_from": "credits.events.v1.dead/1/4"}
    assert again.partition is None  # its key decides, as it did


def test_a_sender_cannot_forge_what_a_letter_says_of_itself() -> None:
    message = arriving(held("a"), offset=7)
    forged = {"dead_replayed": "credits.events.v1.dead/1/0", "dead_origin": "x/0/0", CUT: "1"}
    letter = dead(replace(message, headers={**message.headers, **forged}))
    assert letter.origin == "credits.events.v1/0/7"
    assert letter.message().headers.keys() == {*message.headers, "replayed_from"}


def test_a_letter_of_another_topic_is_not_replayed() -> None:
    letter = dead(arriving(held("a")))
    stray = replace(letter, headers={**letter.headers, "dead_origin": "gateway.replies.v1/0/1"})
    with pytest.raises(NotReplayable, match="another topic"):
        stray.message()


def test_a_letter_without_its_body_says_where_that_is() -> None:
    letter = shortened(letter_of(arriving(held("a"), offset=7), "why", START))
    found = read(kept(letter), START)
    assert isinstance(found, DeadLetter)
    with pytest.raises(NotReplayable, match=r"too large .* credits.events.v1/0/7"):
        found.message()


def test_a_mark_names_its_letter() -> None:
    letter = dead(arriving(held("a")))
    mark = letter.mark()
    assert (mark.topic, mark.partition) == (letter.place.topic, letter.place.partition)
    assert read(kept(mark, offset=9), START) == letter.place


@pytest.mark.parametrize(
    "names",
    ["rubbish", "", "a/b/c", "credits.events.v1.dead/0/1", "credits.events.v1.dead/1/10", "x/1/1"],
)
def test_what_marks_no_earlier_letter_of_its_partition_is_no_mark(names: str) -> None:
    record = Incoming("credits.events.v1.dead", "", {"dead_replayed": names}, b"", 1, 9)
    assert isinstance(read(record, START), DeadLetter)


def test_a_place_is_read_as_it_is_written() -> None:
    place = Place("credits.events.v1.dead", 3, 12)
    assert Place.parse(str(place)) == place


def test_the_topics_that_services_route_have_dead_letters() -> None:
    """A service's `app.py` names the topics that its router consumes."""
    imported = re.compile(r"from libs\.contracts\.topics import \(?([A-Z_,\s]+)")
    routed = {
        name
        for path in SERVICES.glob("*/app.py")
        for names in imported.findall(path.read_text())
        for name in re.findall(r"[A-Z_]+", names)
    }
    assert {getattr(topics, name).name for name in routed} == {topic.name for topic in BURIED}


def test_dead_letters_are_kept_longer_than_their_messages() -> None:
    names = declared()
    for topic in BURIED:
        assert names[topics.dead_letters(topic.name)] == DEAD_LETTERS_KEPT >= topic.retention
