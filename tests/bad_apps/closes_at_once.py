"""The defect is that nothing is done: the load balancer needs 2 s to notice an end, and at SIGTERM the door is shut."""

from sound import make_app

app = make_app()
