"""The second half of the product: tests that read as the specification, one folder per room."""
