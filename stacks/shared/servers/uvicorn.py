"""Uvicorn."""

from stacks.shared.servers import Server, live


def running() -> Server | None:
    """Return Uvicorn as its configuration has it."""
    config = next(live("uvicorn.config", "Config"), None)
    if config is None:
        return None
    module = config.http_protocol_class.__module__.rpartition(".")[2]
    return Server("uvicorn", keep_alive_s=config.timeout_keep_alive, parser=module.removesuffix("_impl"))
