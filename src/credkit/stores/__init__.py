"""Reference stores: each module has a `...Stores` with `.records`, `.credentials` and `.create()`, and an `Async...` twin."""
