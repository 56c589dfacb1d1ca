"""Tables as files: CSV by the standard library, Parquet by pyarrow where that is installed."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from harness.errors import MachineError
from harness.model.record import TrialRecord
from reports.export.tables import Column, Table, tables_of

_TRUTH = {True: "true", False: "false"}
_NO_ARROW = (
    "Parquet is written by pyarrow, which is not installed here: install fastapi-shakedown[parquet], or ask for"
    " --format csv."
)


def export_trial(record: TrialRecord, folder: Path, trial: str, form: str) -> list[Path]:
    """The files of one trial; each is there whole or not at all."""
    written = []
    for table in tables_of(record):
        path = folder / f"{trial}.{table.name}.{form}"
        beside = path.with_name(path.name + ".part")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            WRITERS[form](table, beside)
            beside.rename(path)
        except OSError as error:
            raise MachineError(f"{path} cannot be written: {error.strerror or error}.") from error
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
        written.append(path)
    return written


def write_csv(table: Table, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.columns)
        for block in table.blocks:
            writer.writerows(zip(*(_told(block[name], kind) for name, kind in table.columns.items()), strict=True))


def _told(values: Column, kind: str) -> Column:
    """Truths as most readers of CSV know them; nothing is an empty cell already."""
    return [_TRUTH[value] for value in values] if kind == "bool" else values


def write_parquet(table: Table, path: Path) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MachineError(_NO_ARROW) from error
    schema = pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in table.columns.items()])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for block in table.blocks:
            writer.write_table(pyarrow.table(dict(block), schema=schema))


WRITERS: Mapping[str, Callable[[Table, Path], None]] = {"csv": write_csv, "parquet": write_parquet}
