"""A trial's samples and observations as tables for pandas, polars, DuckDB and whatever else reads CSV or Parquet."""
