"""Writes contexts and reports from crawled sources, and checks what was written.

`port.py` is what a worker calls, `factory.py` chooses the implementation,
`evidence.py` is the rule by which the owning services accept a draft.
"""
