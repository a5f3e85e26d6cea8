"""The API, version 1: everything the pages do, for programs. It calls the services the pages call, and nothing beside them."""
