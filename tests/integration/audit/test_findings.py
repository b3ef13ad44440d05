"""`dossier audit` finds what was spoilt by hand in real databases, and nothing besides."""

import pytest

from tests.integration.audit.command import found
from tests.integration.audit.conftest import Used
from tests.saga.people import USER

LONG_AGO = "now() - interval '2 days'"
OTHER_RUN = "(SELECT id FROM runs WHERE state = 'queued')"

SPOILT = {
    "a person who runs without a run": (
        "research",
        "UPDATE people SET status = 'running' WHERE status = 'failed'",
        {(1, "people name their run")},
    ),
    "an open run that lost its person": (
        "research",
        "UPDATE people SET status = 'idle', active_run_id = NULL WHERE status = 'running'",
        {(1, "open runs have their person")},
    ),
    "a second open run": (
        "research",
        """INSERT INTO runs SELECT (jsonb_populate_record(runs, '{"id": "run_second",
           "state": "holding", "settlement": "none", "price": null}')).*
           FROM runs WHERE state = 'queued'""",
        {(1, "open runs have their person")},
    ),
    "a status that no run left": (
        "research",
        "UPDATE people SET status = 'complete' WHERE status = 'failed'",
        {(4, "people stand as their last run left them")},
    ),
    "a charge that was posted twice": (
        "credits",
        """INSERT INTO entries (transfer_id, account_id, amount, kind, run_id, created_at)
           SELECT 'again', account_id, amount, kind, run_id, created_at FROM entries
           WHERE transfer_id = (SELECT min(transfer_id) FROM entries WHERE kind = 'charge');
           UPDATE accounts SET posted = posted - 1 WHERE id = 'usr_ada'""",
        {(2, "entries have their hold")},
    ),
    "a refund without its charge": (
        "credits",
        """DELETE FROM entries WHERE kind = 'charge'
           AND run_id = (SELECT run_id FROM entries WHERE kind = 'refund' LIMIT 1)""",
        {
            (2, "holds resolve once"),
            (3, "accounts add up"),
            (4, "settled runs cost what they should"),
        },
    ),
    "an account with more than its entries": (
        "credits",
        "UPDATE accounts SET posted = posted + 1 WHERE id = 'usr_ada'",
        {(3, "accounts add up")},
    ),
    "an account below zero": (
        "credits",
        """UPDATE accounts SET posted = -1 WHERE id = 'usr_poor';
           INSERT INTO entries (transfer_id, account_id, amount, kind, created_at) VALUES
           ('fine', 'usr_poor', -1, 'grant', now()), ('fine', '@grants', 1, 'grant', now())""",
        {(3, "accounts add up")},
    ),
    "half a transfer": (
        "credits",
        "DELETE FROM entries WHERE kind = 'charge' AND account_id = '@revenue'",
        {(3, "transfers balance")},
    ),
    "an account that is gone": (
        "credits",
        "DELETE FROM accounts WHERE id = 'usr_ada'",
        {(3, "accounts exist")},
    ),
    "a hold that was voided though its run goes on": (
        "credits",
        f"""UPDATE holds SET state = 'voided' WHERE account_id = '{USER}' AND state = 'charged';
            DELETE FROM entries WHERE kind = 'charge' AND run_id NOT IN
            (SELECT run_id FROM entries WHERE kind = 'refund');
            UPDATE accounts SET posted = 3 WHERE id = '{USER}'""",
        {(4, "holds agree with their run"), (4, "settled runs cost what they should")},
    ),
    "a run that credits know and research does not": (
        "research",
        "DELETE FROM runs WHERE state = 'rejected'",
        {(4, "holds have their run")},
    ),
    "a run that stays in the queue": (
        "research",
        f"UPDATE runs SET created_at = {LONG_AGO} WHERE state = 'queued'",
        {(5, "runs end and settle")},
    ),
    "a run that nobody will look at again": (
        "research",
        "UPDATE runs SET due_at = NULL WHERE state = 'queued'",
        {(5, "runs end and settle")},
    ),
    "a hold that stays": (
        "research",
        f"""UPDATE people SET status = 'failed', active_run_id = NULL WHERE status = 'running';
            UPDATE runs SET state = 'failed', settlement = 'held', created_at = {LONG_AGO},
            ended_at = {LONG_AGO} WHERE state = 'queued'""",
        {(5, "runs end and settle")},
    ),
    "a regeneration that stays": (
        "context",
        f"""UPDATE runs SET state = 'working', ended_at = NULL, due_at = now(),
            created_at = {LONG_AGO} WHERE state = 'complete'""",
        {(5, "regenerations end")},
    ),
    "two regenerations in a window": (
        "context",
        """INSERT INTO runs SELECT (jsonb_populate_record(runs, jsonb_build_object(
           'id', 'run_second', 'stamp', stamp - interval '1 hour'))).*
           FROM runs WHERE state = 'complete'""",
        {(6, "one regeneration a window")},
    ),
    "a slot that was not given back": (
        "context",
        "UPDATE runs SET state = 'failed' WHERE state = 'complete'",
        {(6, "slots are those of their regenerations")},
    ),
    "a slot that nothing is known of": (
        "context",
        "DELETE FROM runs",
        {(6, "slots are those of their regenerations")},
    ),
    "a gap in the versions": (
        "research",
        "UPDATE reports SET version = 2; UPDATE runs SET report_version = 2 WHERE id IN "
        "(SELECT run_id FROM reports)",
        {(8, "versions have no gaps")},
    ),
    "a report that is gone": (
        "research",
        "DELETE FROM reports",
        {(8, "complete runs have their report")},
    ),
    "a report of no run on the person": (
        "research",
        f"UPDATE reports SET run_id = {OTHER_RUN}",
        {(8, "reports have their run"), (8, "complete runs have their report")},
    ),
    "a context that was emptied": (
        "context",
        """UPDATE user_profiles SET company_context = '{"overview": "", "product": null}'""",
        {(8, "contexts rest on evidence")},
    ),
    "a context that holds no fields": (
        "context",
        """UPDATE user_profiles SET user_context = '["x"]', market_context = 'null',
           evidence = evidence || '{"user.0": []}'""",
        {(8, "contexts rest on evidence")},
    ),
    "evidence that is none": (
        "context",
        "UPDATE user_profiles SET evidence = '7'",
        {(8, "contexts rest on evidence")},
    ),
    "a field without evidence": (
        "context",
        """UPDATE user_profiles SET evidence = '{"company.overview": []}'""",
        {(8, "contexts rest on evidence")},
    ),
}


@pytest.mark.parametrize("what", SPOILT)
async def test_what_is_wrong_is_found(used: Used, what: str) -> None:
    service, statement, expected = SPOILT[what]
    await used.execute(service, statement)
    assert await found(used) == expected


async def test_credits_that_stay_held(used: Used) -> None:
    await used.execute("research", SPOILT["a hold that stays"][1])
    await used.execute(
        "credits",
        f"""UPDATE holds SET state = 'held', created_at = {LONG_AGO} WHERE run_id IN
            (SELECT max(run_id) FROM holds WHERE state = 'charged');
            DELETE FROM entries WHERE run_id IN (SELECT run_id FROM holds WHERE state = 'held');
            UPDATE accounts SET posted = posted + 1, held = 1 WHERE id = '{USER}'""",
    )
    expected = {(5, "runs end and settle"), (5, "nothing is held for long after the end")}
    assert await found(used) == expected
    assert await found(used, "--grace", str(3 * 86400)) == set()
