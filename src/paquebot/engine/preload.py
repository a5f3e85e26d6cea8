"""What the fork server loads once, so that a run's child starts in milliseconds: never connections, threads or keys."""

from paquebot.records.connection import configure

configure()

import paquebot.delivery.folder  # noqa: E402
import paquebot.delivery.sftp  # noqa: E402
import paquebot.engine.child  # noqa: E402
import paquebot.formats.csv  # noqa: E402, F401
