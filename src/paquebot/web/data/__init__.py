"""The pages of what a project holds: tables, imports, queries."""
