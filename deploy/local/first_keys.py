"""A first admin, a first user and some credits, so that a new stack can be used at once."""

from dataclasses import dataclass
from typing import Any

import httpx

from deploy.local.folder import KEYS, DataFolder
from deploy.local.process import StartError
from services.gateway.setup import ensure_admin_key

FIRST_GRANT_CREDITS = 100
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Keys:
    """What a caller of the API needs."""

    admin: str
    user: str
    user_id: str


async def ensure(folder: DataFolder, url: str, database_url: str) -> Keys:
    """The keys of this folder; makes what is missing and remembers each step at once.

    Raises:
        StartError: the admin key was lost, or the API refused a step.
    """
    known: dict[str, Any] = folder.read(KEYS)

    def remember(**news: str | bool) -> None:
        known.update(news)
        folder.write(KEYS, known)

    if "admin" not in known:
        admin = await ensure_admin_key(database_url)
        if admin is None:
            raise StartError(
                f"The database has an admin key, but {folder.path / KEYS} does not know it. "
                "Put the file back, or start on an empty folder with DATA=…"
            )
        remember(admin=admin)
    headers = {"Authorization": f"Bearer {known['admin']}"}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, trust_env=False, timeout=TIMEOUT_SECONDS
    ) as client:
        if "user_id" not in known:
            remember(user_id=(await _post(client, "/api/admin/users", kind="user"))["user"]["id"])
        user_id = known["user_id"]
        if "user" not in known:
            remember(user=(await _post(client, f"/api/admin/users/{user_id}/api-keys"))["api_key"])
        if "granted" not in known:
            await _post(
                client,
                "/api/admin/credits/grants",
                userId=user_id,
                amount=FIRST_GRANT_CREDITS,
                reason="first credits of a new stack",
            )
            remember(granted=True)
    return Keys(admin=known["admin"], user=known["user"], user_id=user_id)


async def _post(client: httpx.AsyncClient, path: str, **body: str | int) -> dict[str, Any]:
    response = await client.post(path, json=body)
    if not response.is_success:
        raise StartError(f"POST {path} answered {response.status_code}: {response.text[:300]}")
    answer: dict[str, Any] = response.json()
    return answer
