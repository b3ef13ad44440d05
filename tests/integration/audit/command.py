"""The command as a user calls it."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

from typer.testing import CliRunner

from deploy.local.cli import app
from tests.integration.audit.conftest import PASSWORD, Used
from tests.saga.crashes import SERVICES

VARIABLES = {f"DOSSIER_{service.upper()}_DATABASE_URL": "" for service in SERVICES}


async def call(
    folder: Path | None, *options: str, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """The command as a user calls it; it runs an event loop of its own."""
    of_folder = ["--data", str(folder)] if folder else []
    result = await asyncio.to_thread(
        CliRunner().invoke,
        app,
        ["audit", *of_folder, *options],
        env={"DATA": "", **VARIABLES, **(environment or {})},
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert PASSWORD not in result.output
    return result.exit_code, result.output


async def found(used: Used, *options: str) -> set[tuple[int, str]]:
    """The violations by statement and name; the exit code tells whether there are any."""
    code, output = await call(used.folder, "--json", *options)
    violations = json.loads(output)["violations"]
    assert code == (1 if violations else 0)
    return {(one["statement"], one["name"]) for one in violations}
