"""A database's schema as lines, so that two of them can be compared: what is in it, not in which order it came."""

from __future__ import annotations

from dataclasses import dataclass

from harness.parts.postgres_changes import SCHEMA, Connection

_SPACES = f"""
    n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', '{SCHEMA}')
"""
# Each gives the relation that the thing belongs to (empty for none), and its description.
_QUERIES = (
    f"""
    SELECT n.nspname || '.' || c.relname AS owner,
           CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
                WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' ELSE 'relation ' || c.relkind::text END
           || coalesce(' ' || pg_get_viewdef(CASE WHEN c.relkind IN ('v', 'm') THEN c.oid END), '') AS what
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND {_SPACES}
    """,
    f"""
    SELECT n.nspname || '.' || c.relname AS owner,
           'column ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
           || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
           || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
           || CASE a.attidentity WHEN '' THEN '' ELSE ' identity ' || a.attidentity::text END
           || CASE a.attgenerated WHEN '' THEN '' ELSE ' generated' END AS what
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f') AND {_SPACES}
    """,
    f"""
    SELECT n.nspname || '.' || c.relname AS owner,
           'constraint ' || k.conname || ' ' || pg_get_constraintdef(k.oid) AS what
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {_SPACES}
    """,
    f"""
    SELECT n.nspname || '.' || c.relname AS owner, 'index ' || pg_get_indexdef(i.indexrelid) AS what
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {_SPACES}
    """,
    f"""
    SELECT n.nspname || '.' || c.relname AS owner, 'trigger ' || pg_get_triggerdef(t.oid) AS what
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT t.tgisinternal AND {_SPACES}
    """,
    f"""
    SELECT '' AS owner, 'function ' || n.nspname || '.' || p.proname || '('
           || pg_get_function_identity_arguments(p.oid) || ') ' || md5(coalesce(p.prosrc, '')) AS what
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_SPACES}
    """,
    f"""
    SELECT '' AS owner, 'type ' || n.nspname || '.' || t.typname || coalesce(' ' || (
           SELECT string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid), '')
           AS what
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype IN ('e', 'd') AND {_SPACES}
    """,
    f"SELECT '' AS owner, 'schema ' || n.nspname AS what FROM pg_namespace n WHERE n.nspname <> 'public' AND {_SPACES}",
    "SELECT '' AS owner, 'extension ' || extname AS what FROM pg_extension WHERE extname <> 'plpgsql'",
)
_MOST_TABLES = 100


@dataclass(frozen=True, slots=True)
class Schema:
    """`lines` describe the schema; `rows` counts those of each table."""

    lines: frozenset[str]
    rows: dict[str, int]

    def without(self, table: str) -> list[str]:
        """Lines of whatever does not belong to a table of that name, in any schema; sorted."""
        return sorted(line for line in self.lines if not line.split(": ", 1)[0].endswith(f".{table}"))


async def read_schema(connection: Connection) -> Schema:
    lines: set[str] = set()
    tables: list[str] = []
    for query in _QUERIES:
        for row in await connection.fetch(query):
            lines.add(f"{row['owner']}: {row['what']}" if row["owner"] else row["what"])
            if row["what"] == "table":
                tables.append(row["owner"])
    return Schema(frozenset(lines), {table: await _count(connection, table) for table in sorted(tables)[:_MOST_TABLES]})


async def _count(connection: Connection, table: str) -> int:
    quoted = ".".join('"' + word.replace('"', '""') + '"' for word in table.split(".", 1))
    return int(await connection.fetchval(f"SELECT count(*) FROM {quoted}"))


def differences(once: Schema, then: Schema) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the second one lacks, and what it has beyond the first."""
    return tuple(sorted(once.lines - then.lines)), tuple(sorted(then.lines - once.lines))
