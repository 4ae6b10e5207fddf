"""The causes for which a trial is not valid."""

from enum import Enum
from typing import Literal

Result = Literal["valid", "failed", "invalid"]


class Cause(Enum):
    """Whose result it is, why it may be, what to do next.

    `passing` is what may have happened in that block only: the machine disturbed it, or a failure that time can cause.
    """

    NO_TRIAL = "failed", "the server may not have started or may have died: read the end of its log"
    OFF_CONTRACT = "failed", "so it was not measured there: call `make verify` to see what else it answers otherwise"
    LAB = (
        "invalid",
        "the lab or the machine is at fault, not the stack: read the driver's log and re-run the block",
        True,
    )
    ERRED = "failed", "it may be overloaded past its limits or broken: read its log, or lower the load"
    ACCOUNTS = "invalid", "the driver may have lost sight of requests: report this as a bug of the lab"
    STOLEN = "invalid", "the machine is shared with others that are busy: measure again at a quieter time", True
    FOREIGN = "invalid", "other programs use the server's CPUs: close other programs and measure again", True
    FOREIGN_BESIDE = "invalid", "other programs use the generator's CPUs: close other programs and measure again", True
    QUOTA = "invalid", "the lab itself has a CPU quota: raise it, or run where there is none", True
    LATE = (
        "invalid",
        "the generator may share its core with something else: close other programs or lower the rate",
        True,
    )
    IDLE = "invalid", "the generator may have been starved or stuck: close other programs and measure again", True
    NOT_IDLE = "invalid", "a stack that should have slept took CPU time: find out what it does when idle", True
    NOTHING = "failed", "the server may refuse connections, answer wrongly, or too slowly for this window: read its log"
    UNANSWERED = "failed", "it may be overloaded past its limits: read its log, or lower the load", True
    BUSY = "invalid", "the generator may be what was measured: lower the load or give it more CPUs"
    CEILING = "invalid", "the slots may not be what the lab believes: check the settings of this stack"
    STARVED = "failed", "it may accept or serve connections too slowly for so many users: lower them", True
    DROPPED = "failed", "it may have answered too slowly for the generator's connections: lower the rate", True
    BEHIND = "failed", "the rate may be above its capacity: lower the rate", True
    OVER_CAPACITY = "failed", "open load may cost it more than closed load: lower the share", True

    def __init__(self, result: Result, advice: str, passing: bool = False) -> None:
        self.result = result
        self.advice = advice
        self.passing = passing
