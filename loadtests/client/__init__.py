"""The client that all scenarios share: a Locust user on a connection that costs little."""

from client.fast import FastUser as FastUser
