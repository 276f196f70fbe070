"""What users ask for, as fixed conversations: the real MCP client, the server and the simulator, in virtual time.

    reading     takes the next call out of an answer's words
    assistant   an assistant that makes only calls that words told it to make, and keeps the transcript
    requests    the sixteen kinds of request
    run         runs them and makes the table of docs/conversations.md

`python -m tests.talks` prints the table, `--verbose` the transcripts, to be read aloud; names choose some of them.
"""
