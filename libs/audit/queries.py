"""The SQL of the audit: pages of keys, and the rows of keys; the columns as in `rows.py`."""

from dataclasses import fields

from libs.audit.rows import (
    AccountRow,
    ContextRunRow,
    EntryRow,
    HoldRow,
    PersonRow,
    ReportRow,
    ResearchRunRow,
)


def _select(row: type, table: str) -> str:
    return f"SELECT {', '.join(field.name for field in fields(row))} FROM {table} "  # noqa: S608 (names of our own)


PEOPLE_PAGE = "SELECT id FROM people WHERE id > $1 ORDER BY id LIMIT $2"
RUNS_PAGE = "SELECT id FROM runs WHERE id > $1 ORDER BY id LIMIT $2"
ACCOUNTS_PAGE = "SELECT id FROM accounts WHERE id > $1 ORDER BY id LIMIT $2"
HOLDS_PAGE = "SELECT run_id FROM holds WHERE run_id > $1 ORDER BY run_id LIMIT $2"
TRANSFERS_PAGE = """
    SELECT DISTINCT transfer_id FROM entries
    WHERE transfer_id > $1 ORDER BY transfer_id LIMIT $2
"""
# Users without a regeneration have a profile only where something is wrong with it.
USERS_PAGE = """
    SELECT user_id FROM (
        (SELECT DISTINCT user_id FROM runs WHERE user_id > $1 ORDER BY user_id LIMIT $2)
        UNION
        (SELECT user_id FROM user_profiles WHERE user_id > $1 ORDER BY user_id LIMIT $2)
    ) AS users ORDER BY user_id LIMIT $2
"""

PEOPLE = _select(PersonRow, "people") + "WHERE id = ANY($1::text[])"
RUNS = _select(ResearchRunRow, "runs") + "WHERE id = ANY($1::text[])"
# Whoever asks again and again leaves any number of rejected runs; these never had the person.
RUNS_THAT_HAD_PEOPLE = _select(ResearchRunRow, "runs") + (
    "WHERE person_id = ANY($1::text[]) "
    "AND (state <> 'rejected' OR rejected_as = 'payment_required')"
)
REPORTS_OF_PEOPLE = _select(ReportRow, "reports") + "WHERE person_id = ANY($1::text[])"
REPORTS_OF_RUNS = _select(ReportRow, "reports") + "WHERE run_id = ANY($1::text[])"

ACCOUNTS = _select(AccountRow, "accounts") + "WHERE id = ANY($1::text[])"
HOLDS = _select(HoldRow, "holds") + "WHERE run_id = ANY($1::text[])"
TRANSFERS = _select(EntryRow, "entries") + "WHERE transfer_id = ANY($1::text[])"
POSTED_SUMS = """
    SELECT account_id, sum(amount)::bigint FROM entries
    WHERE account_id = ANY($1::text[]) GROUP BY account_id
"""
HELD_SUMS = """
    SELECT account_id, sum(amount)::bigint FROM holds
    WHERE account_id = ANY($1::text[]) AND state = 'held' GROUP BY account_id
"""

# Refused regenerations hold nothing, and there may be any number of them.
REGENERATIONS = _select(ContextRunRow, "runs") + (
    "WHERE user_id = ANY($1::text[]) AND state <> 'rejected'"
)
# Which fields there are is seen in the database: their texts stay there.
PROFILES = """
    SELECT user_id, last_context_regenerated_at,
        ARRAY(
            SELECT section || '.' || field
            FROM (VALUES ('user', user_context), ('company', company_context),
                         ('content', content_context), ('market', market_context))
                AS sections (section, content),
                jsonb_each(CASE jsonb_typeof(content) WHEN 'object' THEN content END)
                AS filled (field, value)
            WHERE value NOT IN ('null', '""', '[]', '{}')
        ),
        ARRAY(
            SELECT path
            FROM jsonb_each(CASE jsonb_typeof(evidence) WHEN 'object' THEN evidence END)
                AS evidenced (path, quotes)
            WHERE quotes NOT IN ('null', '[]')
        ),
        ARRAY(
            SELECT name
            FROM (VALUES ('user_context', user_context), ('company_context', company_context),
                         ('content_context', content_context), ('market_context', market_context),
                         ('evidence', evidence))
                AS columns (name, content)
            WHERE jsonb_typeof(content) <> 'object'
        )
    FROM user_profiles WHERE user_id = ANY($1::text[])
"""
