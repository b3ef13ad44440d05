"""The table of topics is complete and consistent with the messages."""

from collections import Counter

import pytest

import libs.contracts.context
import libs.contracts.credits
import libs.contracts.gateway
import libs.contracts.research
from libs.contracts.envelope import Command, Message
from libs.contracts.topics import MESSAGE_TYPES, TOPIC_OF, TOPICS, Topic

MODULES = (
    libs.contracts.context,
    libs.contracts.credits,
    libs.contracts.gateway,
    libs.contracts.research,
)
KEY_FIELDS = {
    "user": "user_id",
    "person": "person_id",
    "run": "run_id",
    "account": "account_id",
    # A reply goes to the partition that its command named; its key is for people who look.
    "partition": "run_id",
}


def declared() -> list[type[Message]]:
    """The concrete message classes of all owners: those that nothing inherits from."""
    return [
        thing
        for module in MODULES
        for thing in vars(module).values()
        if isinstance(thing, type)
        and issubclass(thing, Message)
        and thing.__module__ == module.__name__
        and not thing.__subclasses__()
    ]


def test_every_message_belongs_to_exactly_one_topic() -> None:
    places = Counter(message for topic in TOPICS for message in topic.messages)
    assert {message.type_name(): places[message] for message in declared()} == {
        message.type_name(): 1 for message in declared()
    }
    assert set(places) == set(declared())


def test_type_names_are_unique() -> None:
    names = [message.type_name() for topic in TOPICS for message in topic.messages]
    assert len(names) == len(set(names)) == len(TOPIC_OF) == len(MESSAGE_TYPES)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_messages_are_keyed_as_their_topic_says(topic: Topic) -> None:
    for message in topic.messages:
        assert KEY_FIELDS[topic.key] == message.KEY
        assert message.KEY in message.model_fields


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_names_say_owner_kind_and_version(topic: Topic) -> None:
    owner, kind, version = topic.name.split(".")
    assert owner == topic.owner
    assert kind in {"commands", "tasks", "work", "events", "replies"}
    assert version == "v1"
    assert topic.public == (kind == "events")


def test_commands_expire_and_are_named_as_requests() -> None:
    for message in declared():
        if issubclass(message, Command):
            assert message.type_name().endswith("Requested")
            assert message.model_fields["not_after"].is_required()
