"""The application of app.py, whose calls to `upstream` are made by httpx."""

from stacks.fastapi import app as usual
from stacks.shared.upstream_httpx import AsyncUpstream

usual.upstream = AsyncUpstream(usual.settings.upstream_url, usual.settings.upstream_connections)
app = usual.app
