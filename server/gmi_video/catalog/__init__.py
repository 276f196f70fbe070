"""The models: which there are, whether a payload fits one, and what it costs.

`lookup` fetches and caches model records, `validation` checks a payload, `pricing` prices it, `draft` does all three
for one call. May import: upstream, and errors, settings, text.
"""
