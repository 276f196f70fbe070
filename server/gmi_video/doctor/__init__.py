"""`gmi-video-mcp doctor`: says what works, what does not and what to do; and the entry for each host's configuration.

Makes no job and costs nothing: it asks the queue for its models and for Luma-Ray2's record. It never shows the key.

    command       arguments, environment, exit code
    ├─ examination  makes the checks, group by group
    │   ├─ installation  Python, the package, the command that hosts start
    │   ├─ variables     the settings, each with its value and where it came from
    │   ├─ network       proxy, certificates, and why a connection failed
    │   ├─ cloud         the key, the clock, the record of Luma-Ray2
    │   └─ folders       images, state, ledger
    ├─ hosts        each host's file and the block that belongs there
    ├─ entries      what a host's file has of this server
    └─ report       the checks as text and as JSON, without the key
    checks        one check          machine       this computer
"""
