"""The text that the bundled models are trained on: tables, templates and small grammars."""
