"""The typed truth: what the cache promises, and everything that follows from it.

Pure data: no client, clock, socket or logging. `policy.loader` is the one module that reads files.
"""
