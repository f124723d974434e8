"""How an owner's command reaches the running daemon: typed questions and answers over a Unix socket."""
