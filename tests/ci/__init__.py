"""A small GitHub: enough of it to run a project's workflows on this machine, and to refuse what it would."""
