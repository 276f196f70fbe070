"""`make live`: the real service, held against what we believe of it, ready to be pasted into an issue.

Free of charge, unless PAID=1 is set: then one 540p 5s video is made and watched. Exits with 0 if nothing differs, 1
if something does, 2 if the check could not be made.

    command     settings in, a report out
    ├─ probes     the free questions      ├─ paid       the one that costs
    asking      one raw answer, compared
    beliefs     the schemas, and the report, which holds nothing of the account's
"""

from gmi_video.live.command import Outcome, add_arguments, check, main

__all__ = ["Outcome", "add_arguments", "check", "main"]
