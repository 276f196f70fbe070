"""`make live`: compare the real service with `schemas/upstream`, and print a report that can be pasted into an issue.

Free of charge, unless PAID=1 is set: then one 540p 5s video is made and polled until it ends. Exits with 0 if nothing
differs, 1 if something does, 2 if the check could not run.

    command        arguments, environment, exit code
    ├─ probes      the free calls             ├─ paid    the call that costs money
    session        one HTTP call, and the comparison of its response
    expectations   the schemas, and how a body differs from one
    report         differences and observations, without the account's data

May import: upstream.wire, and settings, text.
"""

from gmi_video.live.command import CheckResult, add_arguments, check, main

__all__ = ["CheckResult", "add_arguments", "check", "main"]
