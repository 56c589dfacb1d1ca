"""Items: anybody lists and reads them, a user creates them with an idempotency key, and their owner deletes them.

Each answer is one statement, committed by itself: a 201 leaves only after PostgreSQL has said that the commit is done.
"""

import hashlib
from datetime import datetime
from typing import Annotated

from asyncpg import ForeignKeyViolationError, Record
from asyncpg.pool import PoolConnectionProxy
from fastapi import APIRouter, Header, HTTPException, Path, Query, Request
from pydantic import BaseModel, ConfigDict, StringConstraints

from target_api.auth import CurrentUserId, token_refused
from target_api.database import Database
from target_api.problems import responses

router = APIRouter(prefix="/items", tags=["items"])

# By key, not by offset: the last page costs as much as the first, and what is added meanwhile shifts nothing.
LIST = "SELECT id, name, owner_id, created_at FROM items WHERE id < $1 ORDER BY id DESC LIMIT $2"
READ = "SELECT id, name, owner_id, created_at FROM items WHERE id = $1"
CREATE = "INSERT INTO items (name, owner_id) VALUES ($1, $2) RETURNING id, name, owner_id, created_at"

# A second request with the same key waits here for the first to commit, then inserts nothing.
CREATE_ONCE = """
WITH next AS MATERIALIZED (SELECT nextval('items_id_seq') AS id),
     claimed AS (
         INSERT INTO item_keys (owner_id, key, fingerprint, item_id) SELECT $1, $2, $3, id FROM next
         ON CONFLICT (owner_id, key) DO NOTHING RETURNING item_id
     )
INSERT INTO items (id, name, owner_id) SELECT item_id, $4, $1 FROM claimed RETURNING id, name, owner_id, created_at
"""
STORED = """
SELECT k.fingerprint, i.id, i.name, i.owner_id, i.created_at
FROM item_keys k JOIN items i ON i.id = k.item_id WHERE k.owner_id = $1 AND k.key = $2
"""
# Both parts see the same snapshot: the item as it was before this statement.
DELETE = """
WITH deleted AS (DELETE FROM items WHERE id = $1 AND owner_id = $2 RETURNING id)
SELECT i.owner_id, EXISTS (SELECT FROM deleted) AS deleted FROM items i WHERE i.id = $1
"""

MAX_ID = 2**63 - 1

ItemId = Annotated[int, Path(ge=1, le=MAX_ID)]
After = Annotated[int | None, Query(ge=1, le=MAX_ID, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=100)]
# PostgreSQL text holds no NUL.
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]


class NewItem(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name


class Item(BaseModel):
    id: int
    name: str
    owner_id: int | None  # none in rows from before there were users
    created_at: datetime


class Page(BaseModel):
    items: list[Item]
    next: int | None  # what to send as `after` for the page that follows


def database_of(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


@router.get("")
async def list_items(request: Request, limit: Limit = 20, after: After = None) -> Page:
    """The newest first."""
    async with database_of(request).connection() as connection:
        rows = await connection.fetch(LIST, after or MAX_ID, limit + 1)  # one more tells whether another page follows
    items = [Item(**row) for row in rows[:limit]]
    return Page(items=items, next=items[-1].id if len(rows) > limit else None)


@router.get("/{item_id}", responses=responses(404))
async def read_item(request: Request, item_id: ItemId) -> Item:
    async with database_of(request).connection() as connection:
        row = await connection.fetchrow(READ, item_id)
    if row is None:
        raise HTTPException(404, "There is no such item.")
    return Item(**row)


@router.post("", status_code=201, responses=responses(401, 409))
async def create_item(request: Request, owner_id: CurrentUserId, new: NewItem, key: Key = None) -> Item:
    async with database_of(request).connection() as connection:
        try:
            if key is None:
                row = await connection.fetchrow(CREATE, new.name, owner_id)
            else:
                row = await create_once(connection, owner_id, key, new)
        except ForeignKeyViolationError:
            raise token_refused("its user is gone") from None
    assert row is not None
    return Item(**row)


async def create_once(connection: PoolConnectionProxy, owner_id: int, key: str, new: NewItem) -> Record:
    """The same key and body get the stored answer; the same key with another body is a mistake of the client."""
    fingerprint = hashlib.sha256(new.model_dump_json().encode()).digest()
    row = await connection.fetchrow(CREATE_ONCE, owner_id, key, fingerprint, new.name)
    if row is None:
        row = await connection.fetchrow(STORED, owner_id, key)
    if row is None:
        raise HTTPException(409, "A request with this Idempotency-Key is being undone; try again.")
    if row.get("fingerprint", fingerprint) != fingerprint:
        raise HTTPException(422, "This Idempotency-Key was used with another body.")
    return row


@router.delete("/{item_id}", status_code=204, responses=responses(401, 403, 404))
async def delete_item(request: Request, owner_id: CurrentUserId, item_id: ItemId) -> None:
    async with database_of(request).connection() as connection:
        row = await connection.fetchrow(DELETE, item_id, owner_id)
    if row is None or (row["owner_id"] == owner_id and not row["deleted"]):  # or a twin of this request was quicker
        raise HTTPException(404, "There is no such item.")
    if not row["deleted"]:
        raise HTTPException(403, "This item is not yours.")
