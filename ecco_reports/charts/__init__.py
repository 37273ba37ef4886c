"""The drawing: records and plain numbers in, Altair charts and token strips out. No torch, no files."""
