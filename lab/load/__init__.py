"""The load: the session's side, and the Locust process behind it."""
