"""A load made of a user's own Locust file. Runs in a process of its own: every file here may import Locust and gevent.

arrival ──▶ desk ──▶ an idle user, else a new one ──▶ one task ──▶ its requests ──▶ tapped sockets ──▶ rows
"""
