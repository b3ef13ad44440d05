"""The errors of a real database are told apart: another try, or never."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.messaging.failures import is_poison, is_transient
from libs.runtime.database import create_engine


@pytest_asyncio.fixture
async def engine(database_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    """A database with one table."""
    engine = create_engine(database_url("errors"))
    async with engine.begin() as connection:
        await connection.execute(
            sa.text("CREATE TABLE things (id text PRIMARY KEY, n integer CHECK (n >= 0))")
        )
        await connection.execute(sa.text("INSERT INTO things VALUES ('a', 1), ('b', 1)"))
    yield engine
    await engine.dispose()


async def error_of(engine: AsyncEngine, statement: str, **values: Any) -> Exception:
    with pytest.raises(sa.exc.DBAPIError) as caught:
        async with engine.begin() as connection:
            await connection.execute(sa.text(statement), values)
    return caught.value


@pytest.mark.parametrize(
    "values",
    [
        {"id": "nul \x00", "n": 1},
        {"id": "too large", "n": 2**31},
        {"id": "of another type", "n": "one"},
        {"id": 5, "n": 1},
    ],
    ids=lambda values: repr(values["id"]),
)
async def test_a_value_that_cannot_be_stored_is_poison(
    engine: AsyncEngine, values: dict[str, Any]
) -> None:
    error = await error_of(engine, "INSERT INTO things VALUES (:id, :n)", **values)
    assert not is_transient(error), repr(error.__cause__)
    assert is_poison(error), repr(error.__cause__)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO things VALUES ('a', 1)",
        "INSERT INTO things VALUES ('c', -1)",
        "INSERT INTO nowhere VALUES (1)",
    ],
)
async def test_what_the_schema_refuses_lasts(engine: AsyncEngine, statement: str) -> None:
    error = await error_of(engine, statement)
    assert not is_transient(error)


async def test_a_lost_connection_passes(engine: AsyncEngine) -> None:
    error = await error_of(engine, "SELECT pg_terminate_backend(pg_backend_pid())")
    assert is_transient(error)
    assert not is_poison(error)


async def test_a_deadlock_passes(engine: AsyncEngine) -> None:
    both = asyncio.Barrier(2)

    async def lock(first: str, second: str) -> None:
        update = sa.text("UPDATE things SET n = n WHERE id = :id")
        async with engine.begin() as connection:
            await connection.execute(update, {"id": first})
            await both.wait()
            await connection.execute(update, {"id": second})

    results = await asyncio.gather(lock("a", "b"), lock("b", "a"), return_exceptions=True)
    [error] = [result for result in results if isinstance(result, Exception)]
    assert is_transient(error)


async def test_a_database_that_is_away_passes() -> None:
    engine = create_engine("postgresql://nobody:none@127.0.0.1:1/none")
    try:
        with pytest.raises(OSError) as caught:
            async with engine.begin():
                pass
    finally:
        await engine.dispose()
    assert is_transient(caught.value)
