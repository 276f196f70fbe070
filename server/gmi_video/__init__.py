"""gmi-video-mcp: an MCP server for the video models of GMI Cloud's request queue.

    __main__        the command line
    mcp/            what a host sees: tools, resources, prompts, tasks, subscriptions, stdio
    services        assembles the core
    jobs/           a job's life: ledger, submission, reconciliation, matching, budget, polling, estimates
    images/         a local image becomes a public URL
    catalog/        the models: records, validation, pricing
    upstream/       the queue's API as a client
    background, errors, network, settings, single_flight, text      what every package may import
    demo/  live/  simulator/                   a demo, a check of the real queue, a simulated queue

Imports run downwards in this list; the simulator imports nothing of the program.
"""

__version__ = "0.1.0"
