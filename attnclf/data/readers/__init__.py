"""One reader per format, each from a Source to raw records in file order."""
