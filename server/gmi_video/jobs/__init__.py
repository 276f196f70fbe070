"""A job's life from intent to outcome: submit once, find again after a lost answer, poll until it ends.

`submission` spends, with `matching`, `budget` and `reconciliation`; `polling` waits, `looks` looks at the jobs that are
waited for (`watched`), at times that come from `estimates`, `schedule` and `ages`.
May import: catalog, upstream, and errors, settings, text.
"""
