"""What is done to the deployment, a row a file: `async def observe(bench) -> facts`, and its `ROW`."""
