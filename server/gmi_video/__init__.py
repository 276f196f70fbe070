"""gmi-video-mcp: an MCP server for the video models of GMI Cloud's request queue.

__main__           the command line ── demo, screen, live, schemas: what needs more than a line
runner             the process: stdio, signals, a clean end
app                settings in, MCP server out
├─ tools, generate     what an assistant calls        ├─ calls     what every call has in common
├─ resources           what a person attaches         └─ strict    the SDK, made strict
└─ tasks, subscriptions  waiting, for hosts that know better ways
services           one of each below, opened and closed together
├─ answers             one shape, and the words in it
├─ submission          spending: find, or submit once   ── memory, reconciliation, identity, budget
├─ jobs                waiting: one loop for all         ── histories, estimates, hosts
├─ drafting            arguments to payload and price    ── catalog, checking, arguments, pricing
└─ images              a local file to a public URL      ── files, pictures, addresses
client             the queue's endpoints ── exchange: one HTTP exchange; refusals: HTTP to words
settings, models, wording, errors       what everybody stands on
simulator/         next door: a pretend GMI Cloud, which shares no code with the rest
"""

__version__ = "0.1.0"
