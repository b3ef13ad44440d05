"""How the demo looks on a terminal, and in the log of a CI job."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.local.demo_api import Json

READ = "read"
LABEL_WIDTH = 24
QUOTE_CHARACTERS = 160


class View:
    """Prints lines as things happen; nothing is redrawn, so it reads well in a file too."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def heading(self, text: str) -> None:
        self._console.print()
        self._console.rule(f"[bold]{text}", align="left")

    def note(self, text: str) -> None:
        self._console.print(Text(text, style="dim"), soft_wrap=True)

    def step(self, name: str) -> None:
        self._console.print(Text.assemble(("step     ", "cyan"), name))

    def source(self, source: Json) -> None:
        good = source["status"] == READ
        line = Text.assemble(
            (f"{source['status']:<9}", "green" if good else "yellow"), source["url"]
        )
        if source.get("reason"):
            line.append(f"  ({source['reason']})", style="yellow")
        self._console.print(line, soft_wrap=True)

    def credits(self, line: str) -> None:
        self._console.print(Text.assemble(("credits  ", "magenta"), line))

    @staticmethod
    def credits_line(run: Json, balance: Json) -> str:
        """What a run costs so far, and what is left."""
        amounts = run["credits"]
        named = [f"{amounts[name]} {name}" for name in ("held", "charged", "returned")]
        return f"{', '.join(named)}; balance {balance['balance']}"

    def context(self, body: Json) -> None:
        """Each filled field, with the first quote that supports it."""
        evidence = body["evidence"]
        self.heading(f"The context, written by the {body['generator']} generator")
        for section, fields in body["context"].items():
            for name, value in (fields or {}).items():
                if value:
                    path = f"{section}.{name}"
                    self._field(path, value, (evidence.get(path) or [None])[0])

    def report(self, report: Json) -> None:
        """The report's texts, its claims with quotes, and its sources."""
        content = report["content"]
        self.heading(f"The report, version {report['version']}, by {content['generator']}")
        for name in ("summary", "background", "company_intel", "outreach_angles"):
            if content[name]:
                self._field(name, content[name], None)
        urls = {source["id"]: source["url"] for source in content["sources"]}
        self.heading(f"{len(content['claims'])} claims")
        for claim in content["claims"]:
            quote = {"quote": claim["quote"], "url": urls[claim["source_id"]]}
            self._field(claim["field"], claim["text"], quote)
        self.heading(f"{len(content['sources'])} sources")
        for source in content["sources"]:
            self.source(source)

    def ledger(self, entries: list[Json]) -> None:
        """What was granted and charged, newest first."""
        table = Table("time", "kind", "amount", "balance after", "run", box=None)
        for entry in entries:
            time = entry["createdAt"][11:19]
            amounts = (f"{entry['amount']:+d}", str(entry["balanceAfter"]))
            table.add_row(time, entry["kind"], *amounts, entry["runId"] or "")
        self._console.print(table)

    def figures(self, seconds: dict[str, float]) -> None:
        parts = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
        self._console.print(Text(f"\ndone: {parts}", style="bold green"))

    def _field(self, name: str, value: Any, evidence: Json | None) -> None:
        text = "\n".join(f"- {one}" for one in value) if isinstance(value, list) else str(value)
        grid = Table.grid(padding=(0, 2))
        grid.add_column(width=LABEL_WIDTH)
        grid.add_column()
        grid.add_row(Text(name, style="bold"), Text(text))
        if evidence:
            grid.add_row("", Text(_reason(text, evidence), style="dim"))
        self._console.print(grid)


def _reason(text: str, evidence: Json) -> str:
    """Where it stands, and in which words where they are not those just shown."""
    quote = " ".join(evidence["quote"].split())
    if quote in text:
        return str(evidence["url"])
    if len(quote) > QUOTE_CHARACTERS:
        quote = quote[:QUOTE_CHARACTERS] + "…"
    return f"“{quote}” {evidence['url']}"
