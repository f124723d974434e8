"""A program that ends as it is told: what a gate's job may come to."""

import sys

if __name__ == "__main__":
    sys.exit(int(sys.argv[1]))
