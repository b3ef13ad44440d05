"""The command line tool `dossier`."""

import asyncio
import json
import os
import shutil
import traceback
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from deploy.local.folder import KEYS, DataFolder
from deploy.local.process import StartError, adopt_orphans, end_with_parent
from deploy.local.run import run_until_stopped

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
dlq = typer.Typer(no_args_is_help=True, help="Look at dead letters, and replay them.")
app.add_typer(dlq, name="dlq")
console = Console(highlight=False)

Data = Annotated[Path, typer.Option(envvar="DATA", help="Folder that keeps everything.")]
Port = Annotated[int | None, typer.Option(envvar="PORT", help="Port of the HTTP API.")]
WithParent = Annotated[
    bool, typer.Option(help="Stop when the calling process ends, as `make` does it.")
]
LettersOf = Annotated[str | None, typer.Option("--topic", help="The topic they come from.")]
BrokerData = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="DATA",
        help="Folder of an embedded stack; else DOSSIER_KAFKA_BOOTSTRAP, else .dossier.",
    ),
]
DEFAULT_DATA = Path(".dossier")


@app.command()
def up(
    data: Data = DEFAULT_DATA,
    port: Port = None,
    ready: Annotated[
        Path | None, typer.Option(envvar="READY", help="File to write once everything answers.")
    ] = None,
    with_parent: WithParent = False,
) -> None:
    """Run the whole stack on a kept folder until Ctrl-C."""
    from deploy.local.up import up as bring_up  # late: `dossier version` should not load it all

    _own_children(with_parent)
    try:
        run_until_stopped(bring_up(console, data, port, ready))
    except StartError as error:
        _fail(error)


@app.command()
def demo(
    site: Annotated[str, typer.Option(envvar="SITE", help="Company site to read.")] = "",
    first: Annotated[str, typer.Option(envvar="FIRST", help="Person's first name.")] = "",
    last: Annotated[str, typer.Option(envvar="LAST", help="Person's last name.")] = "",
    company: Annotated[str, typer.Option(envvar="COMPANY", help="Person's company.")] = "",
    linkedin: Annotated[str, typer.Option(envvar="LINKEDIN", help="A LinkedIn profile.")] = "",
    summary: Annotated[
        Path | None, typer.Option(envvar="DEMO_JSON", help="File for a summary in JSON.")
    ] = None,
    data: Data = DEFAULT_DATA,
    port: Port = None,
    with_parent: WithParent = False,
) -> None:
    """Run both main jobs once, on a bundled site or a real one, and show what happens."""
    from deploy.local.demo import DemoError
    from deploy.local.demo import demo as run_demo
    from deploy.local.demo_tour import Subject

    _own_children(with_parent)
    try:
        subject = Subject(site, first, last, company, linkedin)
        done = run_until_stopped(run_demo(console, subject, data, port, summary))
    except (StartError, DemoError) as error:
        _fail(error)
    if not done:
        raise typer.Exit(130)


@app.command()
def key(
    data: Data = DEFAULT_DATA,
    admin: Annotated[bool, typer.Option("--admin", help="The administrator's instead.")] = False,
) -> None:
    """Print the API key that `up` made for the first user."""
    name = "admin" if admin else "user"
    known = DataFolder(data).read(KEYS)
    if name not in known:
        _fail(StartError(f"There is no key in {data.resolve()} yet: run `dossier up` first."))
    typer.echo(known[name])


@app.command()
def doctor(data: Data = DEFAULT_DATA, port: Port = None) -> None:
    """Check what the stack needs on this machine."""
    from deploy.local.doctor import examine

    if not examine(console, data, port):
        raise typer.Exit(1)


@app.command()
def status(
    data: Data = DEFAULT_DATA,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show how the processes of a running stack fare.

    Exit code 1: something is not ready, or waits too long. 2: no stack runs on the folder.
    """
    from deploy.local.status import status as show_status

    if verdict := show_status(console, DataFolder(data), as_json=as_json):
        raise typer.Exit(verdict)


@app.command()
def audit(
    data: Annotated[
        Path | None,
        typer.Option(
            envvar="DATA",
            help="Folder of an embedded stack; else DOSSIER_…_DATABASE_URL, else .dossier.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    grace: Annotated[
        float, typer.Option(min=0, help="Seconds that a run may take to end, and to settle.")
    ] = 3600.0,
) -> None:
    """Check in the live databases what must always hold; reads only.

    Exit code 1: something does not hold. 2: it could not look.
    """
    from deploy.local.audit import database_urls, examine, rules_of
    from libs.audit.postgres import CannotLook

    try:
        urls = database_urls(DataFolder(data or DEFAULT_DATA), {} if data else os.environ)
        examined = examine(console, urls, rules_of(urls, grace), as_json=as_json)
        holds, summary = asyncio.run(examined)
    except CannotLook as error:
        _fail(error, code=2, as_json=as_json)
    except Exception as error:
        # Not its text: that may quote from a URL. And not 1, which says that something is wrong
        # with the databases.
        *_, frame = traceback.extract_tb(error.__traceback__)
        place = f"{type(error).__name__} at {frame.filename}:{frame.lineno}"
        fault = CannotLook(f"The audit itself failed, by {place}. Please report that.")
        _fail(fault, code=2, as_json=as_json)
    if as_json:
        typer.echo(summary)
    if not holds:
        raise typer.Exit(1)


@dlq.command("list")
def dlq_list(
    topic: LettersOf = None,
    limit: Annotated[int, typer.Option(min=1, help="Show so many, the newest.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: BrokerData = None,
) -> None:
    """List dead letters, oldest first, and how many there are."""
    from deploy.local.dlq import ended, list_letters

    work = list_letters(console, data, topic, limit, as_json=as_json)
    raise typer.Exit(ended(console, work, as_json=as_json))


@dlq.command("show")
def dlq_show(
    letter: Annotated[str, typer.Argument(help="Its id, as `list` prints it.")],
    body: Annotated[
        bool, typer.Option("--body", help="The body too; it may contain personal data.")
    ] = False,
    data: BrokerData = None,
) -> None:
    """Show one dead letter."""
    from deploy.local.dlq import ended, show_letter

    raise typer.Exit(ended(console, show_letter(console, data, letter, body=body)))


@dlq.command("replay")
def dlq_replay(
    letters: Annotated[list[str] | None, typer.Argument(help="Ids, as `list` prints them.")] = None,
    topic: LettersOf = None,
    every: Annotated[bool, typer.Option("--all", help="With --topic: all of its letters.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also what was replayed before.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: BrokerData = None,
) -> None:
    """Publish the messages of dead letters again, to where they came from."""
    from deploy.local.dlq import ended, replay_all, replay_letters

    if every == bool(letters) or every != bool(topic):
        raise typer.BadParameter("give the ids of letters, or --topic T --all")
    if topic:
        work = replay_all(console, data, topic, again=again, ask=not yes)
    else:
        work = replay_letters(console, data, letters or [], again=again)
    raise typer.Exit(ended(console, work))


@app.command()
def version() -> None:
    """Print the version."""
    console.print(package_version("dossier"))


def _own_children(with_parent: bool) -> None:
    adopt_orphans()
    if with_parent:
        end_with_parent()


def _fail(error: Exception, code: int = 1, *, as_json: bool = False) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"error": str(error)}))
        raise typer.Exit(code)
    width = shutil.get_terminal_size().columns
    console.rule("[red]failed", style="red")
    console.print(str(error), markup=False, soft_wrap=True, width=width)
    raise typer.Exit(code)


def main() -> None:
    """Entry point of the `dossier` script."""
    app()
