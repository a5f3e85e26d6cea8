"""The real parts tests run against, one module each in `tests/fixtures/`; add a line here with a new one."""

import importlib.util

_PARTS = (
    "fixtures.postgres",
    "fixtures.sshd",
    "fixtures.ftpd",
    "fixtures.web",
    "fixtures.object_store",
    "fixtures.gcs",
    "fixtures.azure",
    "fixtures.voyage",
    "fixtures.lake",
    "fixtures.home",
    "fixtures.pages",
    "fixtures.stocked",
    "fixtures.furnished",
    "fixtures.browser",
    "fixtures.bigquery",
    "fixtures.smtp",
    "fixtures.outside_mariadb",
    "fixtures.outside_postgres",
)

pytest_plugins = [part for part in _PARTS if importlib.util.find_spec(part)]
