"""Goes through the live databases, page after page, and says what it found."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from libs.audit.passes import Checks, Databases, Pass
from libs.audit.postgres import STATEMENT_TIMEOUT_S, TookTooLong
from libs.audit.statements import Rules
from libs.audit.violation import Violation
from libs.messaging.clock import Clock, system_clock

PAGE = 500
MOST = 1000
"""A pass ends when it has found so many violations: whatever is wrong is not an exception then."""
REREADS = 3

Pause = Callable[[], Awaitable[None]]
A_SECOND: Pause = partial(asyncio.sleep, 1.0)
Rest = Callable[[float], Awaitable[None]]
"""Lets so many seconds pass."""


@dataclass(slots=True)
class Found:
    """What a pass came to: how many keys it has checked so far, and what is wrong with them."""

    name: str
    statements: tuple[int, ...]
    checked: int = 0
    violations: list[Violation] = field(default_factory=list)

    @property
    def gave_up(self) -> bool:
        """Whether it ended early, with `MOST` violations."""
        return len(self.violations) >= MOST


async def audit(
    databases: Databases,
    rules: Rules,
    clock: Clock = system_clock,
    *,
    pause: Pause = A_SECOND,
    rest: Rest = asyncio.sleep,
    progress: Callable[[Found], None] = lambda _found: None,
) -> list[Found]:
    """Checks everything that can be read.

    `clock` is the one that the services live by; `progress` is told of each page.
    After each page it rests for as long as the page took: it never takes more than half of
    one connection's time. Pages whose queries are cut off are halved.
    What two databases seem to disagree on is read again up to `REREADS` times, with a `pause`
    before each, and counts only if it is there each time.

    Raises:
        CannotLook: a database does not answer.
    """
    results = []
    for one in Checks(databases, rules, clock).passes():
        found = Found(one.name, one.statements)
        results.append(found)
        await _go_through(one, found, pause, rest, progress)
    return results


async def _go_through(
    one: Pass, found: Found, pause: Pause, rest: Rest, progress: Callable[[Found], None]
) -> None:
    last, most = "", PAGE
    progress(found)
    while not found.gave_up:
        try:
            keys, wrong = await _page(one, last, most, rest)
        except TookTooLong:
            if most == 1:
                raise
            most //= 2
            await rest(STATEMENT_TIMEOUT_S)
            continue
        if not keys:
            return
        last = keys[-1]
        if one.must_stay:
            wrong = await _that_stays(one, wrong, pause)
        found.violations += wrong[: MOST - len(found.violations)]
        found.checked += len(keys)
        progress(found)


async def _page(one: Pass, after: str, most: int, rest: Rest) -> tuple[list[str], list[Violation]]:
    clock = asyncio.get_running_loop().time
    began = clock()
    async with one.database.reading() as read:
        keys = await read.keys(one.page, after, most)
    wrong = await one.check(keys)
    await rest(clock() - began)
    return keys, wrong


async def _that_stays(one: Pass, wrong: list[Violation], pause: Pause) -> list[Violation]:
    for _ in range(REREADS):
        if not wrong:
            break
        await pause()
        before = {(violation.name, violation.subject) for violation in wrong}
        again = await one.check(sorted({violation.subject for violation in wrong}))
        wrong = [violation for violation in again if (violation.name, violation.subject) in before]
    return wrong
