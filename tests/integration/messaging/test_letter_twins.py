"""Two letters of one message, and marks that the broker does not take: on a real broker."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from libs.messaging import relay
from libs.messaging.bus import Ack, Incoming, Outgoing
from libs.messaging.dead_letters import survey
from libs.messaging.kafka import KafkaBus
from libs.messaging.letters import REPLAYED, REPLAYED_FROM, letter_of
from libs.messaging.settings import KafkaSettings
from tests.integration.messaging.kafka_kit import fresh_group, running
from tests.integration.messaging.letters_kit import COMMANDS, DEAD, dossier, hold, letters


async def bury_twice(kafka: KafkaSettings, key: str, offset: int) -> None:
    """As a consumer does that dies between a letter's acknowledgement and its commit."""
    message = hold(f"run of {key}", key)
    came = Incoming(COMMANDS, message.key, message.headers, message.value, 0, offset)
    letter = letter_of(came, "test", datetime.now(UTC))
    async with running(KafkaBus(kafka, "test")) as bus:
        assert await relay.publish(bus, [letter, letter]) == [Ack.ACKNOWLEDGED] * 2


async def test_two_letters_of_a_message_are_replayed_once(lone: KafkaSettings) -> None:
    await bury_twice(lone, "twin", 900_001)
    first, second = await letters(lone, "twin")
    before = (await survey(lone, [DEAD], 0)).waiting(DEAD)
    code, output = await dossier(lone, "dlq", "replay", str(first.place))
    assert code == 0, output
    found = await survey(lone, [DEAD], 0)
    assert found.waiting(DEAD) == before - 1
    assert {first.place, second.place} <= found.replayed
    code, output = await dossier(lone, "dlq", "replay", str(second.place))
    assert (code, "Replayed before" in output) == (1, True)


async def test_both_letters_asked_for_at_once_are_one_message(
    lone: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bury_twice(lone, "twins", 900_002)
    first, second = await letters(lone, "twins")
    sent: list[Outgoing] = []
    publish = KafkaBus.publish

    async def watched(self: KafkaBus, messages: Sequence[Outgoing]) -> list[Ack]:
        sent.extend(messages)
        return await publish(self, messages)

    monkeypatch.setattr(KafkaBus, "publish", watched)
    code, output = await dossier(lone, "dlq", "replay", str(first.place), str(second.place))
    assert code == 0, output
    assert [m.topic for m in sent if REPLAYED_FROM in m.headers] == [COMMANDS]
    assert [m.topic for m in sent if REPLAYED in m.headers] == [DEAD, DEAD]


async def test_a_letter_that_is_sent_but_not_marked_is_told(
    lone: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bury_twice(lone, fresh_group(), 900_003)
    publish = KafkaBus.publish

    async def takes_no_marks(self: KafkaBus, messages: Sequence[Outgoing]) -> list[Ack]:
        if any(REPLAYED in message.headers for message in messages):
            return [Ack.REFUSED] * len(messages)
        return await publish(self, messages)

    monkeypatch.setattr(KafkaBus, "publish", takes_no_marks)
    letter = (await letters(lone))[-1]
    code, output = await dossier(lone, "dlq", "replay", str(letter.place))
    assert (code, "could not be marked" in " ".join(output.split())) == (1, True)
    assert f"not marked  {letter.place}" in output
    assert letter.place not in (await survey(lone, [DEAD], 0)).replayed
