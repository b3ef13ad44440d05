"""`dossier up`: the stack on a kept folder, until Ctrl-C."""

import asyncio
from pathlib import Path

from rich.console import Console

from deploy.local import system
from deploy.local.first_keys import Keys
from deploy.local.folder import DataFolder, write_json
from deploy.local.stack import Stack


async def up(console: Console, data: Path, port: int | None, ready: Path | None) -> None:
    """Starts the stack, says how to use it, writes the `ready` file, and stays.

    Raises:
        StartError: something did not start.
    """
    folder = DataFolder(data)
    stack = Stack(
        folder,
        lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True),
        port=port or system.GATEWAY_PORT,
    )
    try:
        _forget(ready)
        keys = await stack.start()
        _welcome(console, stack.url, keys, folder)
        if ready is not None:
            summary = {"user": keys.user, "admin": keys.admin}
            write_json(ready, {"url": stack.url, "keys": summary, "user_id": keys.user_id})
        await asyncio.Event().wait()
    finally:
        console.print("stopping…")
        _forget(ready)
        await stack.stop()
        console.print("stopped")


def _forget(ready: Path | None) -> None:
    """Removes the file that says "ready", which may be one of a stack that was killed."""
    if ready is not None:
        ready.unlink(missing_ok=True)


def _welcome(console: Console, url: str, keys: Keys, folder: DataFolder) -> None:
    auth = f"-H 'Authorization: Bearer {keys.user}'"
    json = "-H 'Content-Type: application/json'"
    site = '{"website": "https://example.com"}'
    person = '{"firstName": "Ada", "lastName": "Lovelace", "company": "Example Ltd"}'
    lines = [
        "",
        f"Dossier is up:  {url}",
        f"Your key:       {keys.user}",
        f"Keys and logs:  {folder.path}",
        "",
        f"curl {url}/api/credits/balance {auth}",
        f"curl -X POST {url}/api/context/regenerate {auth} {json} -d '{site}'",
        f"curl -X POST {url}/api/deep-research/people {auth} {json} -d '{person}'",
        "",
        "Ctrl-C stops everything.",
    ]
    for line in lines:  # unbroken, so that they can be copied
        console.print(line, markup=False, highlight=False, soft_wrap=True)
