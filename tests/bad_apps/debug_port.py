"""The defect: a debugger's port was left in the app."""

import socket

from sound import make_app

app = make_app()
debugger = socket.create_server(("127.0.0.1", 0))
