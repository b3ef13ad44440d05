"""What must always hold, each as a named check on the databases."""

from tests.saga.world import World


async def one_open_run_per_person(world: World) -> None:
    """Per person at most one run has not ended, and it is the one that the person names."""
    wrong = await world.rows(
        "research",
        """
        SELECT runs.id FROM runs LEFT JOIN people ON people.active_run_id = runs.id
        WHERE state IN ('holding', 'dispatching', 'queued', 'working') AND people.id IS NULL
        """,
    )
    assert not wrong, f"open runs without their person: {wrong}"
    wrong = await world.rows(
        "research",
        """
        SELECT people.id FROM people LEFT JOIN runs ON runs.id = active_run_id
        WHERE active_run_id IS NOT NULL
            AND (runs.id IS NULL OR state NOT IN ('holding', 'dispatching', 'queued', 'working'))
        """,
    )
    assert not wrong, f"people who run without an open run: {wrong}"


async def holds_resolve_once(world: World) -> None:
    """Per run at most one charge, a refund only after a charge, and entries as the hold says."""
    wrong = await world.rows(
        "credits",
        """
        SELECT run_id, state,
            (SELECT count(*) FROM entries e WHERE e.run_id = h.run_id
                AND e.account_id = h.account_id AND kind = 'charge') AS charges,
            (SELECT count(*) FROM entries e WHERE e.run_id = h.run_id
                AND e.account_id = h.account_id AND kind = 'refund') AS refunds
        FROM holds h
        """,
    )
    expected = {"held": (0, 0), "charged": (1, 0), "refunded": (1, 1), "voided": (0, 0)}
    for row in wrong:
        counted = (row["charges"], row["refunds"])
        assert counted == expected.get(row["state"], (0, 0)), row


async def balances_add_up(world: World) -> None:
    """An account is the sum of its entries, what it holds that of its open holds; all is zero."""
    wrong = await world.rows(
        "credits",
        """
        SELECT id FROM accounts WHERE posted < held OR held < 0
            OR posted <> (SELECT coalesce(sum(amount), 0) FROM entries
                          WHERE account_id = accounts.id)
            OR held <> (SELECT coalesce(sum(amount), 0) FROM holds
                        WHERE account_id = accounts.id AND state = 'held')
        """,
    )
    assert not wrong, f"accounts that do not add up: {wrong}"
    [total] = await world.rows("credits", "SELECT coalesce(sum(amount), 0) AS sum FROM entries")
    assert total["sum"] == 0


async def ended_runs_cost_what_they_should(world: World) -> None:
    """A settled run that gave nothing cost nothing; a settled complete one cost its price."""
    runs = await world.rows(
        "research",
        "SELECT id, state, settlement FROM runs WHERE state NOT IN "
        "('holding', 'dispatching', 'queued', 'working') AND due_at IS NULL",
    )
    entries = await world.rows(
        "credits",
        "SELECT run_id, sum(amount) AS sum FROM entries WHERE account_id NOT LIKE '@%' "
        "AND run_id IS NOT NULL GROUP BY run_id",
    )
    cost = {row["run_id"]: -row["sum"] for row in entries}
    for run in runs:
        expected = 1 if run["state"] == "complete" else 0
        assert cost.get(run["id"], 0) == expected, run


async def report_versions_have_no_gaps(world: World) -> None:
    """Versions of a person grow by one."""
    wrong = await world.rows(
        "research",
        "SELECT person_id FROM reports GROUP BY person_id "
        "HAVING max(version) <> count(*) OR min(version) <> 1",
    )
    assert not wrong, f"people with gaps in their reports: {wrong}"


async def everything_ended_and_settled(world: World) -> None:
    """No run is open and none waits for its settlement; nothing is held and nothing unsent."""
    for service in ("research", "context"):
        left = await world.rows(
            service,
            "SELECT id, state FROM runs WHERE due_at IS NOT NULL "
            "OR state IN ('holding', 'dispatching', 'queued', 'working')",
        )
        assert not left, f"{service}: {left}"
    assert not await world.rows("credits", "SELECT run_id FROM holds WHERE state = 'held'")
    for service in ("credits", "research", "context"):
        assert not await world.rows(service, "SELECT id, type FROM outbox"), service


ALWAYS = (
    one_open_run_per_person,
    holds_resolve_once,
    balances_add_up,
    ended_runs_cost_what_they_should,
    report_versions_have_no_gaps,
)


async def check_all(world: World) -> None:
    """Checks everything that holds at every instant."""
    for check in ALWAYS:
        await check(world)
