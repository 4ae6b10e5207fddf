"""The test suite: `make test` runs the fast part, `make test-full` all of it."""
