"""The models: which there are, whether a payload fits one, and what it costs.

`lookup` fetches and caches model records, `roles` says what a parameter means, `validation` checks values, `pricing`
prices them, `combinations` notes what is not documented, and `prepare` does all that for one call; its result is in
`priced`. `search`, `reading` and `facts` are for those who only read about models. May import: upstream, and errors,
settings, single_flight, text.
"""
