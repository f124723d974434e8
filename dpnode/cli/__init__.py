"""Commands: each turns its arguments into one question and lays the answer out as text or JSON."""
