"""HTTP to the services' internal APIs."""

import httpx
from pydantic import SecretStr


def internal_client(base_url: str, token: SecretStr, *, timeout_s: float) -> httpx.AsyncClient:
    """A client of one service. It takes no proxy from the environment: these are own hosts."""
    return httpx.AsyncClient(
        base_url=f"{base_url.rstrip('/')}/internal",
        headers={"Authorization": f"Bearer {token.get_secret_value()}"},
        timeout=timeout_s,
        trust_env=False,
    )
