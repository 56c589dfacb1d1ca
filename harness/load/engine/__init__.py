"""A load driver for high rates: `python -m harness.load.engine`, a process of its own (see ../messages.py).

No Locust and no gevent: uvloop, httptools, a timer with microseconds, and as little as can be done for each arrival.
"""
