"""`dossier status`: how a running stack fares, on one screen."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from enum import IntEnum

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.local.folder import DataFolder
from deploy.local.vitals import Vitals, look

NOT_ITS_OWN = "·"


class Verdict(IntEnum):
    """What became of a look, as the exit code of the command."""

    WELL = 0
    UNWELL = 1
    NO_STACK = 2


def status(console: Console, folder: DataFolder, *, as_json: bool) -> Verdict:
    """Looks at the stack of a folder and shows what it finds."""
    found = asyncio.run(look(folder.read("ports.json")))
    verdict = verdict_on(found)
    nothing = f"No stack runs on {folder.path}: start one with `dossier up`."
    if as_json:
        error = {"error": nothing} if verdict is Verdict.NO_STACK else {}
        console.print_json(json.dumps(_summary(found, verdict) | error))
    elif verdict is Verdict.NO_STACK:
        console.print(nothing, markup=False, soft_wrap=True)
    else:
        _show(console, found, folder)
    return verdict


def verdict_on(found: Sequence[Vitals]) -> Verdict:
    """Whether all is well with a stack; one of which no process answers does not run."""
    if not any(vitals.answers for vitals in found):
        return Verdict.NO_STACK
    return Verdict.UNWELL if any(vitals.problems for vitals in found) else Verdict.WELL


def _summary(found: Sequence[Vitals], verdict: Verdict) -> dict[str, object]:
    return {
        "verdict": verdict.name.lower(),
        "processes": [asdict(vitals) | {"problems": vitals.problems} for vitals in found],
    }


def _show(console: Console, found: Sequence[Vitals], folder: DataFolder) -> None:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("process", no_wrap=True)
    table.add_column("ready")
    for heading in ("waiting", "unsent", "runs", "holds", "failed\ncommits", "dead\nletters"):
        table.add_column(heading, justify="right")
    for vitals in found:
        table.add_row(vitals.name, *_cells(vitals))
    console.print(table)
    console.print()
    for vitals in found:
        for problem in vitals.problems:
            console.print(
                Text.assemble((f"{vitals.name} ", "bold red"), (problem, "red")), soft_wrap=True
            )
    if verdict_on(found) is Verdict.WELL:
        console.print(Text("All is well.", style="green"))
    else:
        console.print(Text(f"Logs: {folder.path / 'logs'}", style="dim"), soft_wrap=True)


def _cells(vitals: Vitals) -> list[Text]:
    if not vitals.answers:
        return [Text("no", style="red")]
    ready = Text("no", style="red") if vitals.failing_checks else Text("yes", style="green")
    return [
        ready,
        _aged(vitals.lag, vitals.stalled_s, bad=vitals.stalled),
        _aged(vitals.unsent, vitals.oldest_unsent_s, bad=vitals.backed_up),
        _runs(vitals),
        _aged(vitals.open_holds, vitals.oldest_hold_s, bad=vitals.hold_forgotten),
        _cell(vitals.commit_failures, style="yellow"),
        _cell(vitals.dead_letters, style="yellow"),
    ]


def _runs(vitals: Vitals) -> Text:
    """The open ones of a service, or those that a worker has in hand."""
    if vitals.attempts is not None:
        return _cell(vitals.attempts)
    cell = _cell(vitals.open_runs)
    if vitals.overdue_runs:
        cell.append(f", {vitals.overdue_runs} overdue", style="red")
    return cell


def _aged(count: int | None, age_s: float, *, bad: bool) -> Text:
    """A count, with the age of what it counts where that is worth a look."""
    cell = _cell(count, style="red" if bad else "")
    return cell.append(f", {age_s:.0f} s") if count and age_s >= 1 else cell


def _cell(count: int | None, style: str = "") -> Text:
    """A count; in its style where there is anything to see."""
    if count is None:
        return Text(NOT_ITS_OWN, style="dim")
    return Text(str(count), style=style if count else "")
