"""Statement 8, of reports."""

import pytest

from libs.audit.reports import (
    complete_runs_have_their_report,
    reports_have_their_run,
    versions_have_no_gaps,
)
from libs.audit.rows import ReportRow, ResearchRunRow
from tests.unit.audit.sound import complete, ended, person, run

REPORT = ReportRow("p1", "r1", 1)


def versions(*numbers: int) -> list[ReportRow]:
    return [ReportRow("p1", f"r{number}", number) for number in numbers]


@pytest.mark.parametrize("numbers", [(), (1,), (1, 2, 3), (3, 1, 2)])
def test_versions_without_gaps(numbers: tuple[int, ...]) -> None:
    assert versions_have_no_gaps(versions(*numbers)) == []


@pytest.mark.parametrize("numbers", [(2,), (0, 1), (1, 3), (1, 1), (1, 1, 3), (2, 3)])
def test_versions_with_gaps(numbers: tuple[int, ...]) -> None:
    [found] = versions_have_no_gaps(versions(*numbers))
    assert (found.statement, found.subject) == (8, "p1")


def test_the_detail_names_a_few_versions_only() -> None:
    [found] = versions_have_no_gaps(versions(*range(2, 40)))
    assert found.detail == "38 reports: versions 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …"


@pytest.mark.parametrize(
    "runs", [[], [ended("failed")], [run()], [complete(person_id="p2")], [complete(id="r2")]]
)
def test_a_report_without_its_complete_run(runs: list[ResearchRunRow]) -> None:
    assert reports_have_their_run([REPORT], [complete()]) == []
    [found] = reports_have_their_run([REPORT], runs)
    assert (found.statement, found.subject) == (8, "p1")


@pytest.mark.parametrize(
    ("one", "reports"),
    [
        (complete(), []),
        (complete(), [ReportRow("p1", "r1", 2)]),
        (complete(), [REPORT, ReportRow("p1", "r1", 2)]),
        (complete(report_version=None), [REPORT]),
        (complete(report_version=None), []),
        (ended("failed"), [REPORT]),
        (run(state="working"), [REPORT]),
    ],
)
def test_a_run_without_its_report(one: ResearchRunRow, reports: list[ReportRow]) -> None:
    [found] = complete_runs_have_their_report([one], reports, [person()])
    assert (found.statement, found.subject) == (8, "r1")


def test_a_run_with_its_report() -> None:
    assert complete_runs_have_their_report([complete()], [REPORT], [person()]) == []
    assert complete_runs_have_their_report([ended("failed")], [], [person()]) == []


def test_reports_go_with_their_person() -> None:
    assert complete_runs_have_their_report([complete()], [], []) == []
    assert complete_runs_have_their_report([complete()], [REPORT], []) != []
