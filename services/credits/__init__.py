"""Credits: accounts and the ledger. Knows nothing about people or reports.

Owns       accounts, holds, entries.
Consumes   credits.commands: CreditHoldRequested, CreditCaptureRequested, CreditReturnRequested.
Emits      credits.events: CreditHeld, CreditHoldDeclined, CreditCharged, CreditVoided,
           CreditRefunded, CreditGranted.
Always     Per run at most one hold and one capture; a hold resolves once; a refund only after
           a capture, at most once. What can be spent is never negative and equals the account's
           entries minus its open holds; all entries of all accounts sum to zero.
"""
