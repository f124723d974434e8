"""The disk: what this node knows of the ledger, kept so that a power cut loses nothing that was acknowledged.

This room is the only importer of the database driver. It knows bytes and whole numbers, never an entry or a rule.

* `rows` says what goes in and comes out; `errors` what can go wrong, each with the sentence its owner reads.
* `statement` is the idea: a store procedure is a generator that yields statements and receives rows, so the same
  procedures (`write`, `questions`, `migrate`) run under aiosqlite, sqlite3 and a crash-testing driver.
* `store` is the daemon's door (trio), `offline` the one for a stopped daemon (no trio, quick to import).
* `journal` is the witness's own append-only file of votes; it shares nothing with the database.
"""
