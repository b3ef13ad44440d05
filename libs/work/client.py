"""A worker's HTTP to the owner of its runs."""

from typing import Generic, TypeVar
from urllib.parse import quote

import httpx

from libs.contracts.work import ClaimRequest, Heartbeat, HeartbeatAnswer, Lease

L = TypeVar("L", bound=Lease)


class OwnerClient(Generic[L]):
    """Claims runs and keeps their leases alive. Raises httpx.HTTPError if the owner is away."""

    def __init__(self, http: httpx.AsyncClient, lease: type[L], worker: str) -> None:
        self._http = http
        self._lease = lease
        self._worker = worker

    async def claim(self, run_id: str) -> L | None:
        """The lease of a run; None if there is nothing to claim."""
        request = ClaimRequest(worker=self._worker)
        answer = await self._http.post(_of_run(run_id, "claim"), json=request.model_dump())
        if answer.status_code == httpx.codes.CONFLICT:
            return None
        return self._lease.model_validate_json(answer.raise_for_status().content)

    async def heartbeat(self, lease: Lease) -> bool:
        """Keeps a lease; False if the work is to stop."""
        beat = Heartbeat(token=lease.token)
        answer = await self._http.post(_of_run(lease.run_id, "heartbeat"), json=beat.model_dump())
        return not HeartbeatAnswer.model_validate_json(answer.raise_for_status().content).stop

    async def close(self) -> None:
        await self._http.aclose()


def _of_run(run_id: str, verb: str) -> str:
    """Ids come from messages: whatever is in one, it stays one segment of the path."""
    return f"/runs/{quote(run_id, safe='')}/{verb}"
