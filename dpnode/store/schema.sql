-- Schema 1. Applied once, whole, in one transaction; migrations/002.sql and on are applied on top, never edited.

-- Facts that exist once: the charter, the founding signatures, the network's id.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- The chain of headers: small rows, so that walking it does not drag the bodies along.
CREATE TABLE block (
    height INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    time_ms INTEGER NOT NULL,
    first_entry INTEGER NOT NULL,  -- global number of its first entry
    entries INTEGER NOT NULL,
    header BLOB NOT NULL
);
CREATE INDEX block_by_id ON block (id);
CREATE INDEX block_by_entry ON block (first_entry) WHERE entries > 0;

-- Whole canonical blocks as they are sent to peers, and where each entry lies in them (u32 offset, u32 size).
CREATE TABLE body (
    height INTEGER PRIMARY KEY,
    spots BLOB NOT NULL,
    bytes BLOB NOT NULL
);

-- Apart from the block, because a certificate often comes later and must not rewrite a large row.
CREATE TABLE certificate (
    height INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL
);

-- Entries by id and by author without a row per entry. The newest entries stand in `fresh`, one row per block; every
-- 8,192 or so are folded into one run of pages, in the transaction that filled it.
CREATE TABLE fresh (
    first_entry INTEGER PRIMARY KEY,
    ids BLOB NOT NULL,      -- first 8 bytes of each entry id
    authors BLOB NOT NULL   -- first 8 bytes of each author's id
);
CREATE TABLE run (
    run INTEGER PRIMARY KEY,
    first_entry INTEGER NOT NULL,
    entries INTEGER NOT NULL
);
CREATE TABLE id_page (
    page INTEGER PRIMARY KEY,  -- first byte of the id << 32 | run
    pairs BLOB NOT NULL        -- (8 bytes of id, u16 number within the run) in no order
);
CREATE TABLE author_page (
    author INTEGER NOT NULL,   -- first 8 bytes of the author's id as a signed number
    run INTEGER NOT NULL,
    numbers BLOB NOT NULL,     -- u16 numbers within the run, ascending
    PRIMARY KEY (author, run)
) WITHOUT ROWID;

-- The state at the head.
CREATE TABLE state (
    key BLOB PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- Entries recorded here that are not yet final.
CREATE TABLE pending (
    id BLOB PRIMARY KEY,
    body BLOB NOT NULL,
    signature BLOB NOT NULL,
    mine INTEGER NOT NULL
) WITHOUT ROWID;

-- Durable documents of the protocol's cores.
CREATE TABLE kept (
    kind TEXT NOT NULL,
    id BLOB NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
