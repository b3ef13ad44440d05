"""Faults on real processes: `python -m tests.faults`, or `make faults MINUTES=5 SEED=1`.

`plan.py` decides from a seed what goes wrong and when, `chaos.py` does it to the processes of a
real stack (`up.py`), whose connections all run through links that can be cut (`links.py`).
Meanwhile tenants use the API (`actors.py`) and remember what they were told (`memory.py`). When
all is quiet again, `checks.py` holds the databases and the API against their memory.
"""
