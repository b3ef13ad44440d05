"""A service's own database."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

POOL = 8
CONNECT_TIMEOUT_S = 2.0
STATEMENT_TIMEOUT_S = 10.0


def create_engine(url: str) -> AsyncEngine:
    """An engine for `postgresql://user:password@host:port/name`; it connects on first use.

    Waits for a connection or a statement are bounded, so that a database that
    hangs shows as an error and not as a stuck process.
    """
    return create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://", 1),
        pool_size=POOL,
        max_overflow=POOL,
        pool_timeout=CONNECT_TIMEOUT_S,
        # Parameters are page texts and names; an error message with them would reach the logs.
        hide_parameters=True,
        connect_args={
            "timeout": CONNECT_TIMEOUT_S,
            "command_timeout": STATEMENT_TIMEOUT_S,
            "server_settings": {"jit": "off"},
        },
    )


async def answers(engine: AsyncEngine) -> bool:
    """Whether the database answers a query."""
    async with engine.connect() as connection:
        return bool(await connection.scalar(sa.text("SELECT true")))
