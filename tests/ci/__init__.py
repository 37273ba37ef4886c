"""A small GitHub: enough of it to run the project's workflows on this machine, step by step, and to refuse what it would."""
