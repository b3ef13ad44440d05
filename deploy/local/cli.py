"""The command line tool `dossier`."""

import shutil
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from deploy.local.folder import KEYS, DataFolder
from deploy.local.process import StartError, adopt_orphans, end_with_parent
from deploy.local.run import run_until_stopped

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console(highlight=False)

Data = Annotated[Path, typer.Option(envvar="DATA", help="Folder that keeps everything.")]
Port = Annotated[int | None, typer.Option(envvar="PORT", help="Port of the HTTP API.")]
WithParent = Annotated[
    bool, typer.Option(help="Stop when the calling process ends, as `make` does it.")
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
def version() -> None:
    """Print the version."""
    console.print(package_version("dossier"))


def _own_children(with_parent: bool) -> None:
    adopt_orphans()
    if with_parent:
        end_with_parent()


def _fail(error: Exception) -> NoReturn:
    width = shutil.get_terminal_size().columns
    console.rule("[red]failed", style="red")
    console.print(str(error), markup=False, soft_wrap=True, width=width)
    raise typer.Exit(1)


def main() -> None:
    """Entry point of the `dossier` script."""
    app()
