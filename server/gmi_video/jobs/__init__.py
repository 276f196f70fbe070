"""A job's life from intent to outcome: submit once, find again after a lost answer, poll until it ends.

`submission` spends, with `matching`, `budget` and `reconciliation`; `polling` waits, with `estimates`.
May import: catalog, upstream, and errors, settings, text.
"""
