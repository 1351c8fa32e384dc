-- Who may do what: users, roles and tokens. All of it is replicated, and empty while auth was never
-- used. Names are UTF-8 in BLOBs, so that they sort as etcd sorts them.

-- One row, from the first change on.
CREATE TABLE auth (
  id INTEGER PRIMARY KEY CHECK (id = 0),
  enabled INTEGER NOT NULL,
  revision INTEGER NOT NULL
);

-- `password` is bcrypt's text, null for none. Tokens of a time before the auth revision
-- `tokens_since` count no more.
CREATE TABLE auth_user (
  name BLOB PRIMARY KEY,
  password TEXT,
  roles BLOB NOT NULL,
  tokens_since INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE auth_role (
  name BLOB PRIMARY KEY,
  permissions BLOB NOT NULL
) WITHOUT ROWID;

-- Simple tokens; `deadline` in milliseconds of cluster time.
CREATE TABLE auth_token (
  token TEXT PRIMARY KEY,
  user BLOB NOT NULL,
  deadline INTEGER NOT NULL
) WITHOUT ROWID;
