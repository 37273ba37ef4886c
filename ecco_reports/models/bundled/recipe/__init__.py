"""How the bundled models were made, from hand-typed tables to weights."""
