"""The reference API under Gunicorn on a healthy database: what it answers, stores and logs."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from target_api_rig import Postgres, Service, bearer, migrate, postgres_cluster, pricing_service, service

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgres_cluster() as cluster:
        migrate(cluster.url(), "upgrade", "head")
        yield cluster


@pytest.fixture(scope="module")
def api(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    log = tmp_path_factory.mktemp("service") / "log"
    with pricing_service() as pricing, service(postgres.url(), pricing, log) as running:
        running.wait_for("/ready", 200, 20)
        yield running


@pytest.fixture(scope="module")
def ann(api: Service) -> dict[str, str]:
    return api.authorization("ann")


@pytest.fixture(scope="module")
def bob(api: Service) -> dict[str, str]:
    return api.authorization("bob")


def test_an_item_is_created_read_and_listed(api: Service, ann: dict[str, str], postgres: Postgres) -> None:
    created = api.post("/items", {"name": "anchor"}, ann)
    assert created.status_code == 201
    item = created.json()
    assert api.get(f"/items/{item['id']}").json() == item
    assert item in api.get("/items?limit=10").json()["items"]
    names = [row["name"] for row in postgres.fetch("SELECT name FROM items")]
    assert names.count("anchor") == 1


def test_what_is_wrong_is_refused(api: Service, ann: dict[str, str]) -> None:
    assert api.get("/items/999999999").status_code == 404
    for query in ("limit=101", "limit=0", "after=0", "after=x", f"after={2**63}"):
        assert api.get(f"/items?{query}").status_code == 422
    assert api.get(f"/items/{2**70}").status_code == 422
    for body in ({}, {"name": ""}, {"name": "a\x00b"}, {"name": "a", "price": 1}, {"name": "n" * 201}):
        assert api.post("/items", body, ann).status_code == 422


def test_pages_have_the_newest_first_and_nothing_twice_or_never(api: Service, ann: dict[str, str]) -> None:
    ids = [api.post("/items", {"name": f"chain-{n}"}, ann).json()["id"] for n in range(5)]
    first = api.get("/items?limit=2").json()
    assert ([item["id"] for item in first["items"]], first["next"]) == ([ids[4], ids[3]], ids[3])
    api.post("/items", {"name": "added meanwhile"}, ann)
    second = api.get(f"/items?limit=2&after={first['next']}").json()
    assert [item["id"] for item in second["items"]] == [ids[2], ids[1]]


def test_the_last_page_leads_nowhere(api: Service, ann: dict[str, str]) -> None:
    created = api.post("/items", {"name": "last"}, ann).json()
    seen, after = [], ""
    while True:
        page = api.get(f"/items?limit=3{after}").json()
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        assert len(page["items"]) == 3
        after = f"&after={page['next']}"
    assert seen == sorted(set(seen), reverse=True)
    assert created["id"] in seen
    full = api.get(f"/items?limit={len(seen)}").json()
    assert (len(full["items"]), full["next"]) == (len(seen), None)
    assert api.get(f"/items?after={seen[-1]}").json() == {"items": [], "next": None}


def test_a_key_creates_once_and_repeats_the_answer(api: Service, ann: dict[str, str], postgres: Postgres) -> None:
    first = api.post("/items", {"name": "rope"}, ann | {"Idempotency-Key": "k-1"})
    again = api.post("/items", {"name": "rope"}, ann | {"Idempotency-Key": "k-1"})
    other = api.post("/items", {"name": "sail"}, ann | {"Idempotency-Key": "k-1"})
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.json() == again.json()
    assert [r["name"] for r in postgres.fetch("SELECT name FROM items WHERE name IN ('rope', 'sail')")] == ["rope"]


def test_a_key_belongs_to_its_owner(api: Service, ann: dict[str, str], bob: dict[str, str]) -> None:
    key = {"Idempotency-Key": "k-2"}
    of_ann, of_bob = (api.post("/items", {"name": name}, owner | key) for name, owner in (("oar", ann), ("jib", bob)))
    assert (of_ann.status_code, of_bob.status_code) == (201, 201)
    assert (of_ann.json()["name"], of_bob.json()["name"]) == ("oar", "jib")
    assert of_ann.json()["owner_id"] != of_bob.json()["owner_id"]


def test_an_item_needs_a_token(api: Service, postgres: Postgres) -> None:
    answer = api.post("/items", {"name": "of nobody"})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    for headers in (bearer(999_999_999), bearer(999_999_999) | {"Idempotency-Key": "k-3"}):
        gone = api.post("/items", {"name": "of nobody"}, headers)
        assert (gone.status_code, gone.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert postgres.fetch("SELECT 1 FROM items WHERE name = 'of nobody'") == []


def test_an_item_is_deleted_by_its_owner_alone(
    api: Service, postgres: Postgres, ann: dict[str, str], bob: dict[str, str]
) -> None:
    path = f"/items/{api.post('/items', {'name': 'skiff'}, ann | {'Idempotency-Key': 'k-4'}).json()['id']}"
    assert api.delete(path).status_code == 401
    assert api.delete(path, bob).status_code == 403
    assert api.get(path).status_code == 200
    deleted = api.delete(path, ann)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert [answer.status_code for answer in (api.get(path), api.delete(path, ann), api.delete(path, bob))] == [404] * 3
    (old,) = postgres.fetch("INSERT INTO items (name) VALUES ('of nobody yet') RETURNING id")
    assert api.get(f"/items/{old['id']}").json()["owner_id"] is None
    assert api.delete(f"/items/{old['id']}", ann).status_code == 403


def test_an_item_that_is_deleted_twice_at_once_is_gone_for_one_and_missing_for_the_others(
    api: Service, ann: dict[str, str]
) -> None:
    for n in range(5):
        path = f"/items/{api.post('/items', {'name': f'raft-{n}'}, ann).json()['id']}"
        with ThreadPoolExecutor(6) as crowd:
            statuses = sorted(answer.status_code for answer in crowd.map(api.delete, [path] * 6, [ann] * 6))
        assert statuses == [204] + [404] * 5


def test_a_key_sent_at_the_same_time_creates_once(api: Service, ann: dict[str, str], postgres: Postgres) -> None:
    def create(_: int) -> tuple[int, int]:
        answer = api.post("/items", {"name": "buoy"}, ann | {"Idempotency-Key": "k-race"})
        return answer.status_code, answer.json()["id"]

    with ThreadPoolExecutor(12) as crowd:
        answers = set(crowd.map(create, range(24)))
    assert len(answers) == 1, answers
    assert answers.pop()[0] == 201
    assert len(postgres.fetch("SELECT 1 FROM items WHERE name = 'buoy'")) == 1


@pytest.mark.parametrize(("sku", "status"), [("anchor", 200), ("broken", 503), ("wrong", 502), ("missing", 404)])
def test_a_quote_answers_as_its_dependency_allows(api: Service, sku: str, status: int) -> None:
    answer = api.get(f"/quotes/{sku}")
    assert answer.status_code == status, answer.text
    if status == 200:
        assert answer.json() == {"sku": "anchor", "cents": 1200}
    assert ("Retry-After" in answer.headers) == (status in (502, 503))


def test_a_slow_dependency_costs_two_seconds_and_nothing_else(api: Service) -> None:
    with ThreadPoolExecutor(60) as crowd:
        slow = [crowd.submit(api.get, "/quotes/slow") for _ in range(60)]
        assert api.get("/items?limit=1").status_code == 200
        answers = [request.result() for request in slow]
    assert {answer.status_code for answer in answers} == {503, 504}  # 503: the bulkhead was full
    assert all("Retry-After" in answer.headers for answer in answers)
    assert max(answer.elapsed.total_seconds() for answer in answers) < 8  # the dependency would take 20
    # The breaker of each worker has opened, and closes after one good trial.
    api.wait_for("/quotes/anchor", 200, 30)


def test_probes_and_version_answer(api: Service) -> None:
    for path in ("/health", "/ready", "/version"):
        assert api.get(path).status_code == 200


def test_a_request_id_is_taken_over_or_made(api: Service) -> None:
    assert api.get("/version", {"X-Request-ID": "trip-7"}).headers["X-Request-ID"] == "trip-7"
    made = {api.get("/version", asked).headers["X-Request-ID"] for asked in (None, {"X-Request-ID": "a b{}"})}
    assert len(made) == 2
    assert all(len(one) == 32 for one in made)
    api.wait_for_line(request_id="trip-7")
    lines = [line for line in api.lines() if line.get("request_id") == "trip-7"]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [("GET", "/version", 200)]


def test_each_line_of_the_log_is_json_and_no_secret_is_in_it(api: Service) -> None:
    loggers = {str(line["logger"]) for line in api.lines()}
    assert {"gunicorn.error", "target_api.access", "target_api.readiness"} <= loggers
    assert "rig-secret" not in api.log.read_text()
