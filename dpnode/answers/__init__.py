"""Every question and the function that answers it; one file per family."""
