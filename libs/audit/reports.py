"""Reports and the runs that wrote them: statement 8."""

from collections import defaultdict
from collections.abc import Iterable

from libs.audit.rows import PersonRow, ReportRow, ResearchRunRow
from libs.audit.violation import Violation


def versions_have_no_gaps(reports: Iterable[ReportRow]) -> list[Violation]:
    """The versions of a person are 1, 2, 3 and so on. Needs all reports of each person."""
    versions: dict[str, list[int]] = defaultdict(list)
    for report in reports:
        versions[report.person_id].append(report.version)
    return [
        Violation(8, "versions have no gaps", person_id, f"{len(there)} reports: {_some(there)}")
        for person_id, there in versions.items()
        if len(there) != len(set(there)) or (min(there), max(there)) != (1, len(there))
    ]


def _some(versions: list[int]) -> str:
    shown = ", ".join(map(str, sorted(versions)[:10]))
    return f"versions {shown}" if len(versions) <= 10 else f"versions {shown}, …"


def reports_have_their_run(
    reports: Iterable[ReportRow], runs: Iterable[ResearchRunRow]
) -> list[Violation]:
    """A report is the one of a complete run on its person. Needs the runs of all the reports."""
    by_id = {run.id: run for run in runs}
    found: list[Violation] = []
    for report in reports:
        run = by_id.get(report.run_id)
        if run is None or run.person_id != report.person_id:
            detail = f"version {report.version} says it is of {report.run_id}, no run on the person"
        elif run.state != "complete":
            detail = f"version {report.version} is of {run.id}, which is {run.state}"
        else:
            continue
        found.append(Violation(8, "reports have their run", report.person_id, detail))
    return found


def complete_runs_have_their_report(
    runs: Iterable[ResearchRunRow], reports: Iterable[ReportRow], people: Iterable[PersonRow]
) -> list[Violation]:
    """A complete run has one report, of the version that it names, as long as its person is there;
    other runs have none. Needs the reports and people of all the runs.
    """
    there = {person.id for person in people}
    written: dict[str, list[int]] = defaultdict(list)
    for report in reports:
        written[report.run_id].append(report.version)
    found: list[Violation] = []
    for run in runs:
        versions = written.get(run.id, [])
        if run.state != "complete":
            wanted = []
        elif run.report_version is None:
            detail = "it is complete and names no version"
            found.append(Violation(8, "complete runs have their report", run.id, detail))
            continue
        else:
            wanted = [run.report_version] if run.person_id in there else []
        if versions != wanted:
            detail = f"it is {run.state}, has the versions {versions}, and should have {wanted}"
            found.append(Violation(8, "complete runs have their report", run.id, detail))
    return found
