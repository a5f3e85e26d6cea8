"""The project database: DuckLake, its files encrypted in a folder, its catalogue in PostgreSQL."""
