"""The extractive generator: finds, ranks and quotes sentences; it writes none of its own.

`snapshot.py` cuts pages into passages, `noise.py` says which of them are no
statement, `ranking.py` orders them for a question of `questions.py`, `phrases.py`
finds the short items. `company.py` answers questions about a company, `freeform.py`
reads the user's own words. `identity.py` finds what is about a person, `names.py`
their name, `role.py` their role, `dates.py` the newest news. `context.py` and
`report.py` put drafts together.
"""
