"""How services talk: outbox, inbox, relay and replies over a Kafka bus.

A handler runs inside a `Unit`: one transaction that holds the inbox rows, the
state change and the outbox rows. After the commit the `Relay` publishes what
the unit emitted; only `relay.py` publishes. `Router` turns a batch from the
bus into units, and decides what happens to a message that cannot be handled;
`dead_letters.py` reads and replays those that could not.
"""
