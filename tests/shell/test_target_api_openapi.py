"""The reference API keeps to its own OpenAPI document: schemathesis sends what it allows and what it forbids.

The service is real and so is the token. The examples are the same in every run; a status or a body that the document
does not declare fails, and so does any 5xx.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from target_api_rig import Service, migrate, postgres_cluster, pricing_service, service

pytestmark = pytest.mark.real

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
WITHOUT_INPUT = ["GET /health", "GET /ready", "GET /version", "GET /users/me"]
WITH_INPUT = ["GET /items", "GET /items/{item_id}", "GET /quotes/{sku}", "POST /users", "POST /tokens"]
WITH_INPUT += ["POST /items", "DELETE /items/{item_id}"]
PROTECTED = ["POST /items", "DELETE /items/{item_id}", "GET /users/me"]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    log = tmp_path_factory.mktemp("service") / "log"
    with postgres_cluster() as postgres, pricing_service() as pricing:
        migrate(postgres.url(), "upgrade", "head")
        with service(postgres.url(), pricing, log) as running:
            running.wait_for("/ready", 200, 20)
            yield running


@pytest.fixture(scope="module")
def headers(api: Service) -> dict[str, str]:
    return api.authorization()


@pytest.fixture(scope="module")
def document(api: Service) -> Any:
    return schemathesis.openapi.from_url(f"{api.url}/openapi.json")


def test_every_operation_is_asked_and_says_whether_it_needs_a_token(document: Any) -> None:
    operations = {
        f"{method.upper()} {path}": bool(operation.get("security"))
        for path, methods in document.raw_schema["paths"].items()
        for method, operation in methods.items()
    }
    assert operations == {name: name in PROTECTED for name in WITHOUT_INPUT + WITH_INPUT}


@pytest.mark.parametrize("name", WITHOUT_INPUT + WITH_INPUT)
def test_what_is_allowed_is_answered_as_the_document_says(document: Any, headers: dict[str, str], name: str) -> None:
    statuses = ask(document, name, GenerationMode.POSITIVE, headers)
    assert 401 not in statuses or name == "POST /tokens"


@pytest.mark.parametrize("name", WITH_INPUT)
def test_what_is_forbidden_is_refused_as_the_document_says(document: Any, headers: dict[str, str], name: str) -> None:
    statuses = ask(document, name, GenerationMode.NEGATIVE, headers)
    assert statuses & {400, 422}


@pytest.mark.parametrize("name", PROTECTED)
def test_nothing_protected_is_done_without_a_token(document: Any, name: str) -> None:
    assert ask(document, name, GenerationMode.POSITIVE, None) == {401}


def ask(document: Any, name: str, mode: GenerationMode, headers: dict[str, str] | None) -> set[int]:
    """The statuses that were seen."""
    method, path = name.split()
    operation = document[path][method]
    statuses: set[int] = set()

    @settings(
        max_examples=20,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        response = case.call(headers=headers)
        case.validate_response(response, checks=CHECKS)
        statuses.add(response.status_code)

    send()
    return statuses
