"""The application of def_app.py, whose calls to `upstream` are made by httpx."""

from stacks.fastapi import def_app as usual
from stacks.shared.upstream_httpx import SyncUpstream

usual.upstream = SyncUpstream(usual.settings.upstream_url, usual.settings.upstream_connections, usual.threads)
app = usual.app
