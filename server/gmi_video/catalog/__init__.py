"""The models: which there are, whether a payload fits one, and what it costs.

`lookup` fetches and caches model records, `roles` says what a parameter means, `validation` checks values, `pricing`
prices them, `prepare` does all that for one call. May import: upstream, and errors, settings, single_flight, text.
"""
