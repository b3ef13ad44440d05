"""What must always hold, as named checks over rows: for tests, and for live databases.

`rows.py` says what the checks look at; `people.py`, `reports.py`, `ledger.py`,
`credit_of_runs.py`, `endings.py`, `regenerations.py` and `answers.py` hold the checks,
which do no I/O and have no clock; `statements.py` lists the statements and applies every
check to rows of one instant. `audit.py` applies them to live databases, by the `passes.py`,
the `queries.py` and the connections of `postgres.py`. The checks share no code with the
services: what these get wrong must show.
"""
