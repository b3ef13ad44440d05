"""Context: what a user's own company is and sells, and the runs that read it anew.

Owns       user_profiles, runs, sources.
Consumes   context.commands: ContextRegenerateRequested;
           context.work: ContextStepStarted, ContextSourceRecorded, ContextDraftProduced,
           ContextWorkFailed.
Emits      context.tasks: ContextTask; context.events; replies.
Always     At most one accepted regeneration per user and window, returned slots not counted; a
           refused one changes nothing. A section never becomes emptier by a regeneration.

`saga.py` is the table of steps and compensations.
"""
