"""A harness in small that starts every part, says so, and waits to be killed: `parts_child.py FOLDER`."""

import asyncio
import sys
from pathlib import Path

from harness.ledger import Ledger
from harness.model.target import HttpPart, PostgresPart
from harness.parts.postgres import start_postgres
from harness.parts.stub import start_stub
from harness.parts.toxiproxy import start_toxiproxy
from harness.system.ports import Ports
from harness.system.process import Spawner


async def main(folder: Path) -> None:
    ledger = Ledger.create()
    ledger.intend("folder", "parts", path=str(folder))
    spawner, ports = Spawner(ledger), Ports()
    postgres = await start_postgres(PostgresPart("postgres"), spawner, ports, folder)
    database = await postgres.make_template()
    await postgres.reserve(database.name)
    stub = await start_stub(HttpPart("pricing"), spawner, ports, folder)
    toxiproxy = await start_toxiproxy(spawner, ports, folder, print)
    for part in (postgres, stub):
        await toxiproxy.create(part.name, part.address)
    print(ledger.path, postgres.address.port, stub.address.port, toxiproxy.address.port, flush=True)
    await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
