"""Readers and buyers of the reference API, as flows: see docs/flows.md."""

from locust import FastHttpUser, task


class Reader(FastHttpUser):
    weight = 3

    @task(4)
    def look(self):
        self.client.get("/items?limit=10")

    @task
    def look_closer(self):
        page = self.client.get("/items?limit=1").json()
        for item in page["items"]:
            self.client.get(f"/items/{item['id']}", name="/items/[id]")


class Buyer(FastHttpUser):
    @task
    def ask_a_price(self):
        with self.client.get("/quotes/anchor", catch_response=True) as answer:
            if "cents" not in answer.text:
                answer.failure("no price")
