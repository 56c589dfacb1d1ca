"""What stands for an engine in Locust's counting: a user that does nothing."""

import gevent
from locust import User, task


class EngineToken(User):
    @task
    def stand(self) -> None:
        gevent.sleep(3600)
