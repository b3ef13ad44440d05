"""Brings a service's database to the newest schema with Alembic.

Each service keeps its versions in `services/<name>/migrations/versions`; they
share the environment in `libs/runtime/alembic_env`.
"""

import sys
from importlib.resources import files

from alembic import command
from alembic.config import Config


def upgrade(service: str, url: str) -> None:
    """Runs the migrations that the database has not seen yet. Safe to run by several at once."""
    config = Config()
    config.set_main_option("script_location", str(files("libs.runtime") / "alembic_env"))
    config.set_main_option(
        "version_locations", str(files(f"services.{service}") / "migrations" / "versions")
    )
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    command.upgrade(config, "head")


if __name__ == "__main__":
    upgrade(sys.argv[1], sys.argv[2])
