"""The ledger's tables, the same in every store, and their migrations."""

from collections.abc import Sequence

from gmi_video.jobs.ledger.store import Session, StoreError

Migration = tuple[str, ...]
"""The statements that migrate a ledger from one version to the next."""

_INTENTS = (
    "CREATE TABLE gmi_video_intents ("
    "id TEXT PRIMARY KEY, account TEXT NOT NULL, request TEXT NOT NULL, take INTEGER NOT NULL, "
    "state TEXT NOT NULL, request_id TEXT NOT NULL, usd DOUBLE PRECISION, created_at DOUBLE PRECISION NOT NULL, "
    "updated_at DOUBLE PRECISION NOT NULL, owner TEXT NOT NULL, lease_until DOUBLE PRECISION NOT NULL, "
    "answered INTEGER NOT NULL)"
)

MIGRATIONS: tuple[Migration, ...] = (
    (
        _INTENTS,
        "CREATE INDEX gmi_video_intents_by_request ON gmi_video_intents (account, request)",
        "CREATE INDEX gmi_video_intents_by_time ON gmi_video_intents (account, created_at)",
    ),
)
"""The first one migrates from version 0 (no tables) to 1, and so on. Existing entries are never changed."""


def check(version: int, known: int) -> None:
    """Refuse a ledger whose version this program does not know.

    Raises:
        StoreError: it is newer.
    """
    if version > known:
        raise StoreError(
            f"it has format {version}, made by a newer version of this server, and this one knows formats up to "
            f"{known}: update this one"
        )


def migrate(session: Session, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Migrate the tables to the newest version, in the caller's transaction. A newer ledger is not changed.

    Raises:
        StoreError: it is newer than `migrations`.
    """
    if not session.has_table("gmi_video_ledger"):
        session.change("CREATE TABLE gmi_video_ledger (version INTEGER NOT NULL)")
    found = session.rows("SELECT version FROM gmi_video_ledger")
    version = int(found[0][0]) if found else 0
    check(version, len(migrations))
    for statements in migrations[version:]:
        for statement in statements:
            session.change(statement)
    if not found:
        session.change("INSERT INTO gmi_video_ledger (version) VALUES (?)", len(migrations))
    elif version < len(migrations):
        session.change("UPDATE gmi_video_ledger SET version = ?", len(migrations))
