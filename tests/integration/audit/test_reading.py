"""The audit cannot write, goes page by page and by indexes, and gives two databases time."""

import time
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from libs.audit import audit as module
from libs.audit import queries
from libs.audit.audit import Found, audit
from libs.audit.passes import Databases
from libs.audit.postgres import SESSION, STATEMENT_TIMEOUT_S, CannotLook, Database, TookTooLong
from libs.audit.statements import Rules
from tests.integration.audit.conftest import Used

RULES = Rules(window=timedelta(hours=24), grace=timedelta(hours=1))
OF = {
    "research": ("PEOPLE", "RUNS", "RUNS_THAT_HAD_PEOPLE", "REPORTS_OF_PEOPLE", "REPORTS_OF_RUNS"),
    "credits": ("ACCOUNTS", "HOLDS", "TRANSFERS", "POSTED_SUMS", "HELD_SUMS"),
    "context": ("REGENERATIONS", "PROFILES"),
}
PAGES_OF = {
    "research": ("PEOPLE_PAGE", "RUNS_PAGE"),
    "credits": ("ACCOUNTS_PAGE", "HOLDS_PAGE", "TRANSFERS_PAGE"),
    "context": ("USERS_PAGE",),
}


async def no_pause() -> None:
    """Nothing happens meanwhile."""


def wrong(results: list[Found]) -> list[str]:
    return [violation.name for found in results for violation in found.violations]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts SET posted = 9 WHERE id = ANY($1::text[]) RETURNING id",
        "DELETE FROM holds WHERE account_id = ANY($1::text[]) RETURNING run_id",
        "INSERT INTO accounts SELECT unnest($1::text[]) || 'x', 0, 0 RETURNING id",
        "SELECT id FROM accounts WHERE id = ANY($1::text[]) FOR UPDATE",
        "SELECT nextval('entries_id_seq')::text WHERE cardinality($1::text[]) > 0",
    ],
)
async def test_it_cannot_write(audited: Databases, statement: str) -> None:
    with pytest.raises(CannotLook) as refused:
        async with audited.credits.reading() as read:
            await read.rows(str, statement, ["usr_ada"])
    assert isinstance(refused.value.__cause__, asyncpg.ReadOnlySQLTransactionError)


async def test_a_reading_is_of_one_instant(used: Used, audited: Databases) -> None:
    async with audited.credits.reading() as read:
        before = await read.keys(queries.ACCOUNTS_PAGE, "", 10)
        await used.execute("credits", "INSERT INTO accounts VALUES ('usr_zoe', 0, 0)")
        assert await read.keys(queries.ACCOUNTS_PAGE, "", 10) == before
    async with audited.credits.reading() as read:
        assert "usr_zoe" in await read.keys(queries.ACCOUNTS_PAGE, "", 10)


async def test_it_waits_for_no_lock_and_says_so(used: Used, audited: Databases) -> None:
    holder = await asyncpg.connect(used.urls["credits"])
    async with holder.transaction():
        await holder.execute("LOCK TABLE accounts")
        with pytest.raises(CannotLook, match="credits database could not be read: LockNotAvail"):
            await audit(audited, RULES, pause=no_pause)
    await holder.close()
    assert wrong(await audit(audited, RULES, pause=no_pause)) == []


async def test_a_connection_that_broke_is_made_anew(used: Used, audited: Databases) -> None:
    async with audited.credits.reading() as read:
        [[pid]] = await read.records("SELECT pg_backend_pid() WHERE $1 <> '{x}'::text[]", [])
    await used.execute("credits", f"SELECT pg_terminate_backend({pid})")
    with pytest.raises(CannotLook):
        async with audited.credits.reading() as read:
            await read.keys(queries.ACCOUNTS_PAGE, "", 1)
    async with audited.credits.reading() as read:
        assert await read.keys(queries.ACCOUNTS_PAGE, "", 1)


@pytest.mark.parametrize("service", OF)
async def test_every_query_goes_by_an_index(service: str, used: Used, audited: Databases) -> None:
    """With all else priced out, a plan that still scans or sorts a table knows no index to use."""
    priced_out = {f"enable_{way}": "off" for way in ("seqscan", "bitmapscan", "sort")}
    connection = await asyncpg.connect(used.urls[service], server_settings=priced_out)
    try:
        for name in OF[service]:
            assert "Seq Scan" not in await plan(connection, name, "text[]", "ARRAY['a', 'b']")
        for name in PAGES_OF[service]:
            of_page = await plan(connection, name, "text, int", "'', 500")
            assert "Seq Scan" not in of_page
            # That of users puts two sorted pages together.
            assert of_page.count("Sort Key: ") == (name == "USERS_PAGE"), of_page
    finally:
        await connection.close()


async def plan(connection: Any, name: str, types: str, arguments: str) -> str:
    await connection.execute(f"PREPARE {name} ({types}) AS {getattr(queries, name)}")
    lines = await connection.fetch(f"EXPLAIN EXECUTE {name} ({arguments})")
    return "\n".join([name, *(line[0] for line in lines)])


async def test_pages_miss_nobody(
    used: Used, audited: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {found.name: found.checked for found in await audit(audited, RULES, pause=no_pause)}
    assert min(whole.values()) >= 1
    monkeypatch.setattr(module, "PAGE", 1)
    single = {found.name: found.checked for found in await audit(audited, RULES, pause=no_pause)}
    assert single == whole


async def test_a_pass_ends_where_everything_is_wrong(
    used: Used, audited: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    monkeypatch.setattr(module, "MOST", 2)
    await used.execute("credits", "UPDATE holds SET amount = amount + 5")
    results = {found.name: found for found in await audit(audited, RULES, pause=no_pause)}
    assert results["holds"].gave_up
    assert (results["holds"].checked, len(results["holds"].violations)) == (2, 2)
    assert not results["transfers"].gave_up


async def test_what_heals_meanwhile_does_not_count(used: Used, audited: Databases) -> None:
    """Between two reads credits may have gone on; what research says is then too old."""
    await used.execute("research", "UPDATE runs SET price = 5 WHERE state = 'queued'")
    reads = 0

    async def heal() -> None:
        nonlocal reads
        reads += 1
        if reads == 2:
            await used.execute("research", "UPDATE runs SET price = 1 WHERE state = 'queued'")

    assert wrong(await audit(audited, RULES, pause=heal)) == []
    assert reads == 2


async def test_what_stays_counts(used: Used, audited: Databases) -> None:
    await used.execute("research", "UPDATE runs SET price = 5 WHERE state = 'queued'")
    reads = 0

    async def look_again() -> None:
        nonlocal reads
        reads += 1

    assert wrong(await audit(audited, RULES, pause=look_again)) == ["holds agree with their run"]
    assert reads == module.REREADS


async def test_it_rests_as_long_as_it_reads(
    audited: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 1)
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    began = time.monotonic()
    found = await audit(audited, RULES, pause=no_pause, rest=rest)
    took = time.monotonic() - began
    assert len(rests) >= sum(one.checked for one in found)
    assert 0.5 * took < sum(rests) < took


async def test_pages_that_take_too_long_are_halved(
    used: Used, audited: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each person takes a while to read here: all three take too long."""
    people = queries.PEOPLE
    monkeypatch.setitem(SESSION, "statement_timeout", "1s")
    monkeypatch.setattr(queries, "PEOPLE", f"{people} AND pg_sleep(0.4) IS NOT NULL")
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    monkeypatch.setattr(module, "PAGE", 4)
    people_pass, *_ = await audit(audited, RULES, pause=no_pause, rest=rest)
    assert (people_pass.checked, people_pass.violations) == (3, [])
    assert rests.count(STATEMENT_TIMEOUT_S) >= 1

    monkeypatch.setattr(queries, "PEOPLE", f"{people} AND pg_sleep(2) IS NOT NULL")
    with pytest.raises(TookTooLong):
        await audit(audited, RULES, pause=no_pause, rest=rest)


async def test_progress_is_told(audited: Databases) -> None:
    told: list[tuple[str, int]] = []
    await audit(
        audited,
        RULES,
        pause=no_pause,
        progress=lambda found: told.append((found.name, found.checked)),
    )
    assert told[:2] == [("people", 0), ("people", 3)]


async def test_an_error_tells_no_password() -> None:
    database = Database("credits", "postgresql://credits:hidden@127.0.0.1:1/credits")
    with pytest.raises(CannotLook) as error:
        async with database.reading():
            pass
    assert "hidden" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://credits:hid/den@127.0.0.1:1/credits",
        "postgresql://credits:hid#den@127.0.0.1:1/credits",
        "postgresql://credits:hid?den@127.0.0.1:1/credits",
        "postgresql://credits:hid[den@127.0.0.1:1/credits",
        "postgresql://credits:hidden@127.0.0.1:99999/credits",
        "hid",
        "postgresql://credits:hidden@127.0.0.1:den/credits",
    ],
)
async def test_a_malformed_url_is_not_told(url: str) -> None:
    with pytest.raises(CannotLook, match="The URL of the credits database is malformed") as error:
        async with Database("credits", url).reading():
            pass
    assert not [part for part in ("hid", "den") if part in str(error.value)]
    assert error.value.__cause__ is None
