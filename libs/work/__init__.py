"""Runs: background work that is dispatched, leased to a worker, and always ends.

`run.py` says what a run is and which transitions it has; `store.py` keeps runs and
their sources; `owner.py` is the half that a service plays, `runner.py` (with
`client.py`) the half that a worker plays.
"""
