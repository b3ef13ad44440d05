"""The first administrator of a new deployment."""

from libs.messaging.clock import random_ids, system_clock
from libs.runtime.database import create_engine
from services.gateway.keys import new_key
from services.gateway.store import Kind, Store, User


async def ensure_admin_key(database_url: str) -> str | None:
    """Makes the first administrator and answers their key; None where there is one already."""
    engine = create_engine(database_url)
    try:
        key = new_key()
        admin = User(f"usr_{random_ids()}", Kind.ADMIN)
        added = await Store(engine).add_first_admin(admin, key, system_clock())
        return key.secret if added else None
    finally:
        await engine.dispose()
