"""The defect: each line tells the query and the headers as they came."""

from starlette.types import Scope
from tidy import tidy_app


def say_all(scope: Scope) -> str:
    headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
    return f"{scope['method']} {scope['path']}?{scope['query_string'].decode()} {headers}"


app = tidy_app(say_all)
