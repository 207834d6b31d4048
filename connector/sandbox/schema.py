"""The tables of the sandbox's SQLite file."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS environments (
    app_id        TEXT PRIMARY KEY,
    account       TEXT NOT NULL,
    name          TEXT NOT NULL,
    production    INTEGER NOT NULL,
    api_key       TEXT,
    authorized_by TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS partner_apps (
    id            INTEGER PRIMARY KEY,
    client_id     TEXT NOT NULL UNIQUE,
    client_secret TEXT NOT NULL,
    name          TEXT NOT NULL,
    scopes        TEXT NOT NULL,
    redirect_uris TEXT NOT NULL,
    loopback      INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS grants (
    id             INTEGER PRIMARY KEY,
    partner_app_id INTEGER NOT NULL,
    app_id         TEXT NOT NULL,
    id_token       TEXT NOT NULL,
    scope          TEXT NOT NULL,
    authorized_at  REAL NOT NULL,
    revoked_at     REAL
);

CREATE TABLE IF NOT EXISTS codes (
    code           TEXT PRIMARY KEY,
    partner_app_id INTEGER NOT NULL,
    app_id         TEXT NOT NULL,
    redirect_uri   TEXT NOT NULL,
    scope          TEXT NOT NULL,
    challenge      TEXT,
    expires_at     REAL NOT NULL,
    grant_id       INTEGER
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS access_tokens (
    token      TEXT PRIMARY KEY,
    grant_id   INTEGER NOT NULL,
    expires_at REAL,
    revoked_at REAL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS refresh_tokens (
    token      TEXT PRIMARY KEY,
    grant_id   INTEGER NOT NULL,
    rotated_at REAL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS token_calls (
    id         INTEGER PRIMARY KEY,
    at         REAL NOT NULL,
    client_id  TEXT NOT NULL,
    grant_type TEXT NOT NULL,
    outcome    TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS api_tokens (
    token      TEXT PRIMARY KEY,
    app_id     TEXT NOT NULL,
    expires_at REAL NOT NULL,
    revoked_at REAL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS deletions (
    id      TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    users   TEXT NOT NULL,
    due_at  REAL NOT NULL,
    done    INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS events (
    id              INTEGER PRIMARY KEY,
    app_id          TEXT NOT NULL,
    event           TEXT NOT NULL,
    identity        TEXT,
    user_id         TEXT,
    session_id      TEXT,
    properties      TEXT NOT NULL,
    timestamp       INTEGER NOT NULL,
    received        INTEGER NOT NULL,
    idempotency_key TEXT
);
CREATE INDEX IF NOT EXISTS events_by_identity ON events (app_id, identity)
    WHERE identity IS NOT NULL;
CREATE INDEX IF NOT EXISTS events_by_user_id ON events (app_id, user_id)
    WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS events_by_key ON events (app_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

CREATE TABLE IF NOT EXISTS users (
    id         INTEGER PRIMARY KEY,
    app_id     TEXT NOT NULL,
    identity   TEXT,
    user_id    TEXT,
    email      TEXT,
    properties TEXT NOT NULL DEFAULT '{}',
    created    INTEGER NOT NULL,
    updated    INTEGER NOT NULL,
    revision   INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS users_by_identity ON users (app_id, identity)
    WHERE identity IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS anonymous_users ON users (app_id, user_id)
    WHERE identity IS NULL;
CREATE INDEX IF NOT EXISTS users_by_revision ON users (revision);

CREATE TABLE IF NOT EXISTS user_ids (
    app_id   TEXT NOT NULL,
    user_id  TEXT NOT NULL,
    identity TEXT NOT NULL,
    linked   INTEGER NOT NULL,
    PRIMARY KEY (app_id, user_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS user_ids_by_identity ON user_ids (app_id, identity);

CREATE TABLE IF NOT EXISTS accounts (
    id         INTEGER PRIMARY KEY,
    app_id     TEXT NOT NULL,
    account_id TEXT NOT NULL,
    properties TEXT NOT NULL,
    created    INTEGER NOT NULL,
    updated    INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    UNIQUE (app_id, account_id)
);
CREATE INDEX IF NOT EXISTS accounts_by_revision ON accounts (revision);

CREATE TABLE IF NOT EXISTS totals (
    app_id TEXT NOT NULL,
    kind   TEXT NOT NULL,
    total  INTEGER NOT NULL,
    PRIMARY KEY (app_id, kind)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS requests (
    id            INTEGER PRIMARY KEY,
    at            REAL NOT NULL,
    method        TEXT NOT NULL,
    path          TEXT NOT NULL,
    query         TEXT NOT NULL,
    headers       TEXT NOT NULL,
    authorization TEXT,
    body          TEXT NOT NULL,
    body_bytes    INTEGER NOT NULL,
    status        INTEGER,
    fault         TEXT
);
"""

#: What arrived by ingestion, and the log of requests.
ARRIVALS = ("events", "users", "user_ids", "accounts", "totals", "deletions", "requests")
#: What authorization gave out.
CREDENTIALS = (
    "grants",
    "codes",
    "access_tokens",
    "refresh_tokens",
    "token_calls",
    "api_tokens",
    "partner_apps",
)
