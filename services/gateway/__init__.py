"""The gateway: the HTTP API.

Owns       users, api_keys.
Consumes   gateway.replies: Reply, on a partition of its own.
Emits      context.commands: ContextRegenerateRequested; research.commands: ResearchRunRequested.
Always     A caller that got 200 finds the run; a caller that got an error left nothing behind,
           or was told that the outcome is unknown and where to look. One tenant never sees
           another's data, nor that it exists.

Writes go to the owning service as commands; reads go to its internal HTTP API, so
that a caller reads its own writes.
"""
