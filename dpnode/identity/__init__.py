"""Who this node is: keys in private files, a root behind 24 words, and the member id that follows from them."""
