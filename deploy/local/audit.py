"""`dossier audit`: what must always hold, read from live databases and shown."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from deploy.local import system
from deploy.local.folder import DataFolder
from libs.audit.audit import MOST, Found
from libs.audit.audit import audit as go_through
from libs.audit.passes import Databases
from libs.audit.postgres import CannotLook
from libs.audit.statements import STATEMENTS, Rules
from services.context.settings import ContextSettings
from services.research.settings import ResearchSettings

SERVICES = ("research", "credits", "context")
NOT_READ = {
    7: "no: it is about what callers were told",
    9: "no: it is about what callers are shown",
}
"""Statements that no database can tell of."""
IN_PART = "Of 8 it is not known whether a context was fuller before: nothing keeps that."
MOST_SHOWN = 50


def database_urls(folder: DataFolder, environment: Mapping[str, str]) -> dict[str, str]:
    """The URLs of the databases: those that the environment names, else those of the folder's
    embedded stack.

    Raises:
        CannotLook: the environment names some of them only, or there was no stack on the folder.
    """
    variables = {service: f"DOSSIER_{service.upper()}_DATABASE_URL" for service in SERVICES}
    missing = [name for name in variables.values() if not environment.get(name)]
    if not missing:
        return {service: environment[name] for service, name in variables.items()}
    if len(missing) < len(SERVICES):
        raise CannotLook(f"Set {' and '.join(missing)} too, or none of these.")
    ports, secrets = folder.read("ports.json"), folder.read("secrets.json")
    try:
        return {
            service: f"postgresql://{service}:{quote(secrets[f'database.{service}'], safe='')}"
            f"@{system.HOST}:{ports['postgres']}/{service}"
            for service in SERVICES
        }
    except KeyError:
        raise CannotLook(
            f"There is no stack in {folder.path}: name its folder with --data, "
            f"or set {', '.join(variables.values())}."
        ) from None


def rules_of(urls: Mapping[str, str], grace_s: float) -> Rules:
    """What the services are told, by the same environment variables.

    Raises:
        CannotLook: one of these is not what it should be.
    """
    try:
        context = ContextSettings(database_url=urls["context"])
        research = ResearchSettings(database_url=urls["research"])
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise CannotLook(f"A setting of the services is wrong: {wrong}.") from error
    return Rules(
        window=context.window,
        grace=timedelta(seconds=grace_s),
        charge_failed=research.charge_failed_runs,
    )


async def examine(
    console: Console, urls: Mapping[str, str], rules: Rules, *, as_json: bool
) -> tuple[bool, str]:
    """Goes through the databases; answers whether nothing is wrong, and the result in JSON.

    Without `as_json` it shows progress on a terminal, and the result.

    Raises:
        CannotLook: a database does not answer.
    """
    quiet = Console(quiet=True) if as_json else console
    async with Databases.at(urls) as databases:
        with quiet.status("looking") as status:
            results = await go_through(
                databases,
                rules,
                progress=lambda found: status.update(f"{found.checked:,} {found.name} checked"),
            )
    _show(quiet, results, rules)
    return not any(found.violations for found in results), json.dumps(_summary(results), indent=2)


def _show(console: Console, results: Sequence[Found], rules: Rules) -> None:
    table = Table("", "what must always hold", "checked", "violated", box=None)
    for number, text in STATEMENTS.items():
        wrong = _violated(results, number)
        mark = "" if number in NOT_READ else f"[red]{wrong:,}" if wrong else "[green]no"
        table.add_row(str(number), text, _checked(results, number), mark)
    console.print(table)
    paid = "paid for" if rules.charge_failed else "not paid for"
    window_h, grace_s = rules.window / timedelta(hours=1), rules.grace.total_seconds()
    console.print(f"Judged by: window {window_h:g} h, grace {grace_s:g} s, failed runs {paid}.")
    console.print(IN_PART)
    violations = [violation for found in results for violation in found.violations]
    for violation in violations[:MOST_SHOWN]:
        console.print(str(violation), style="red", markup=False, soft_wrap=True)
    if len(violations) > MOST_SHOWN:
        console.print(f"… and {len(violations) - MOST_SHOWN:,} more: see --json.")
    for found in results:
        if found.gave_up:
            console.print(f"Of the {found.name} no more were read after {MOST:,} violations.")


def _checked(results: Sequence[Found], number: int) -> str:
    if number in NOT_READ:
        return NOT_READ[number]
    return ", ".join(f"{r.checked:,} {r.name}" for r in results if number in r.statements)


def _violated(results: Sequence[Found], number: int) -> int:
    return sum(v.statement == number for found in results for v in found.violations)


def _summary(results: Sequence[Found]) -> dict[str, Any]:
    return {
        "statements": [
            {
                "number": number,
                "text": text,
                "read": number not in NOT_READ,
                "violations": _violated(results, number),
            }
            for number, text in STATEMENTS.items()
        ],
        "passes": [{"name": r.name, "checked": r.checked, "gaveUp": r.gave_up} for r in results],
        "violations": [
            {
                "statement": violation.statement,
                "name": violation.name,
                "subject": violation.subject,
                "detail": violation.detail,
            }
            for found in results
            for violation in found.violations
        ],
    }
