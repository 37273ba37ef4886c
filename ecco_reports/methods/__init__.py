"""The science: torch in, torch out. No YAML, no records to store, no drawing."""
