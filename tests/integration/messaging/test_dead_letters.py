"""From burial to replay, on a real broker and a real database, by the command line tool."""

import asyncio
import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.local.broker import Broker
from libs.messaging import relay
from libs.messaging.admin import ensure_topics
from libs.messaging.bus import Ack
from libs.messaging.settings import KafkaSettings
from tests.integration.messaging.kafka_kit import fresh_group, settings_of
from tests.integration.messaging.letters_kit import (
    COMMANDS,
    DEAD,
    Ledger,
    credits_on,
    dossier,
    eventually,
    hold,
    letters,
    returning,
)


async def test_a_command_that_had_no_price_is_buried_and_replayed_once(
    own_broker: Broker, ledger: Ledger
) -> None:
    lone = settings_of(own_broker)
    await ensure_topics(lone)
    group = fresh_group()
    await ledger.give("ada", 5)
    async with credits_on(lone, ledger, group, prices={}) as bus:
        await relay.publish(bus, [hold("run_1", "ada"), returning("run_2", "ada")])
        await eventually(lambda: ledger.state_of("run_2"))
    assert await ledger.state_of("run_1") is None

    code, output = await dossier(lone, "dlq", "list", "--json")
    assert code == 0
    listed = json.loads(output)
    [letter] = [one for one in listed["letters"] if one["key"] == "ada"]
    assert letter["type"] == "CreditHoldRequested"
    assert letter["reason"] == "DEEP_RESEARCH is not in the price list"
    assert letter["origin"].startswith(f"{COMMANDS}/")
    assert not letter["replayed"]
    assert listed["topics"][DEAD] == {"letters": 1, "waiting": 1}
    code, output = await dossier(lone, "dlq", "show", letter["id"])
    assert code == 0
    assert "is not in the price list" in output
    assert "run_1" not in output
    code, output = await dossier(lone, "dlq", "show", letter["id"], "--body")
    assert '"run_id": "run_1"' in output

    async with credits_on(lone, ledger, group) as bus:
        code, output = await dossier(lone, "dlq", "replay", letter["id"])
        assert (code, letter["id"] in output) == (0, True)
        await eventually(lambda: ledger.state_of("run_1"))
        assert await ledger.held_by("ada") == 1

        code, output = await dossier(lone, "dlq", "replay", letter["id"])
        assert code == 1
        assert "--again" in output
        code, output = await dossier(lone, "dlq", "list")
        assert code == 0
        assert "replayed" in output

        code, _ = await dossier(lone, "dlq", "replay", letter["id"], "--again")
        assert code == 0
        await relay.publish(bus, [returning("run_3", "ada")])
        await eventually(lambda: ledger.state_of("run_3"))
        assert await ledger.held_by("ada") == 1
    assert len(await letters(lone, "ada")) == 1


async def test_all_letters_of_a_topic_are_replayed_when_asked_twice(
    lone: KafkaSettings, ledger: Ledger
) -> None:
    group = fresh_group()
    names = [f"bob {n}" for n in range(5)]
    for name in names:
        await ledger.give(name, 1)
    async with credits_on(lone, ledger, group, prices={}) as bus:
        await relay.publish(bus, [hold(f"run of {name}", name) for name in names])
        async with asyncio.timeout(20):
            while {one.key for one in await letters(lone)} < set(names):
                await asyncio.sleep(0.1)
    everything = ("dlq", "replay", "--topic", COMMANDS, "--all")
    code, output = await dossier(lone, *everything, answer="n\n")
    assert (code, "Nothing was sent" in output) == (1, True)
    async with credits_on(lone, ledger, group):
        code, output = await dossier(lone, *everything, answer="y\n")
        assert code == 0, output
        for name in names:
            await eventually(lambda name=name: ledger.state_of(f"run of {name}"))  # type: ignore[misc]
    code, output = await dossier(lone, *everything, "--yes")
    assert (code, "waits to be replayed" in output) == (1, True)


async def test_a_replayed_message_that_dies_again_is_a_letter_of_its_own(
    lone: KafkaSettings, ledger: Ledger
) -> None:
    async with credits_on(lone, ledger, fresh_group(), prices={}) as bus:
        await relay.publish(bus, [hold("run_9", "cy")])
        await eventually(lambda: letters(lone, "cy"))
        [first] = await letters(lone, "cy")
        assert (await dossier(lone, "dlq", "replay", str(first.place)))[0] == 0
        async with asyncio.timeout(20):
            while len(found := await letters(lone, "cy")) < 2:
                await asyncio.sleep(0.1)
    second = found[1]
    assert second.headers["replayed_from"] == str(first.place)
    assert second.headers["ce_id"] == first.headers["ce_id"]
    assert second.origin != first.origin
    assert second.value == b""  # a survey keeps no bodies
    code, output = await dossier(lone, "dlq", "show", str(second.place))
    assert (code, str(first.place) in output) == (0, True)


async def test_a_message_at_the_limit_is_kept_without_its_body(
    lone: KafkaSettings, ledger: Ledger
) -> None:
    """What fits as a message need not fit with the headers of a dead letter."""
    async with credits_on(lone, ledger, fresh_group()) as bus:
        large = replace(hold("run", "dee"), value=b"{" + b" " * lone.max_message_bytes)
        while (await relay.publish(bus, [large])) != [Ack.ACKNOWLEDGED]:
            large = replace(large, value=large.value[:-20])
        await relay.publish(bus, [returning("run_4", "dee")])
        await eventually(lambda: ledger.state_of("run_4"))
    [letter] = await letters(lone, "dee")
    assert letter.headers["dead_cut"] == str(len(large.value))
    code, output = await dossier(lone, "dlq", "replay", str(letter.place))
    assert code == 1
    assert "too large to keep" in output


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (("show", f"{DEAD}/0/999999"), 1, "There is no dead letter"),
        (("show", "nonsense"), 1, "is no id of a dead letter"),
        (("show", f"{COMMANDS}/0/0"), 1, "is no id of a dead letter"),
        (("replay", f"{DEAD}/0/999999"), 1, "There is no such letter"),
        (("list", "--topic", "research.tasks.v1"), 1, "has no dead letters"),
        (("list", "--topic", "research.work.v1"), 0, "no dead letters"),
        (("replay", "--topic", "research.work.v1", "--all"), 1, "waits to be replayed"),
        (("replay",), 2, "--topic T --all"),
        (("replay", f"{DEAD}/0/0", "--all"), 2, "--topic T --all"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
async def test_the_tool_says_what_there_is_not(
    lone: KafkaSettings, args: tuple[str, ...], code: int, text: str
) -> None:
    assert await dossier(lone, "dlq", *args) == (code, Containing(text))


class Containing(str):
    """Equal to any text that contains it."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and str(self) in " ".join(other.split())

    __hash__ = str.__hash__


@pytest.mark.parametrize("fault", ["away", "silent"])
async def test_the_tool_does_not_wait_for_a_broker_that_does_not_answer(
    own_broker: Broker, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.messaging.dead_letters.CONNECT_TIMEOUT_S", 1.0)
    assert own_broker.process is not None
    settings = settings_of(own_broker)
    if fault == "away":
        own_broker.stop()
    else:
        own_broker.process.send_signal(signal.SIGSTOP)
    began = asyncio.get_running_loop().time()
    for command in (("list",), ("show", f"{DEAD}/0/0"), ("replay", f"{DEAD}/0/0")):
        code, output = await dossier(settings, "dlq", *command)
        assert code == 2
        assert "does not answer" in output
    assert asyncio.get_running_loop().time() - began < 10


async def test_a_broker_without_our_topics_has_no_letters(own_broker: Broker) -> None:
    settings = settings_of(own_broker)
    assert await dossier(settings, "dlq", "list") == (0, Containing("no dead letters"))
    code, output = await dossier(settings, "dlq", "show", f"{DEAD}/0/0")
    assert (code, "There is no dead letter" in output) == (1, True)


async def test_a_folder_without_a_stack_is_named(tmp_path: Path) -> None:
    settings = KafkaSettings(bootstrap="127.0.0.1:1")
    code, output = await dossier(settings, "dlq", "list", "--data", str(tmp_path))
    assert code == 2
    assert "No stack was ever started" in output
