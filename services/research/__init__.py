"""Research: people, runs, reports and sources; orchestrates the run saga.

Owns       people, runs, sources, reports.
Consumes   research.commands: ResearchRunRequested;
           credits.events: CreditHeld, CreditHoldDeclined, CreditCharged, CreditVoided,
           CreditRefunded;
           research.work: ResearchStepStarted, ResearchSourceRecorded, ResearchReportProduced,
           ResearchWorkFailed.
Emits      credits.commands: CreditHoldRequested, CreditCaptureRequested, CreditReturnRequested;
           research.tasks: ResearchTask; research.events; replies.
Always     Per person at most one run that has not ended; of concurrent requests exactly one
           wins. A hold is asked for only after the compare-and-swap, a capture only after
           dispatch, and a run that ends without a report gives back what it holds or paid.
           Report versions of a person grow by one without gaps.

`saga.py` is the table of steps and compensations.
"""
