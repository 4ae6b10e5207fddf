"""Orders in, replies out, until standard input ends."""

from gevent import monkey

monkey.patch_all()

import gc
import logging
import os
import resource
import signal
import sys
import traceback
from typing import BinaryIO

from lab.errors import LabError
from lab.load.driver.trial import UnansweredError, drive
from lab.load.driver.wakeups import ask_for_short_slice
from lab.load.protocol import Began, Done, Failed, Order


def main() -> None:
    """Serve orders one after the other; whatever happens in a trial ends as a reply."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the session decides
    _raise_descriptor_limit()
    ask_for_short_slice()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("locust.runners").setLevel(logging.ERROR)  # warns of every spawn rate above 100
    replies = _take_stdout()
    gc.collect()
    gc.freeze()
    try:
        for line in sys.stdin.buffer:
            _serve(line, replies)
            gc.collect()
    except BrokenPipeError:
        os._exit(0)  # nobody is left to answer


def _serve(line: bytes, replies: BinaryIO) -> None:
    def reply(message: Began | Done | Failed) -> None:
        replies.write(message.model_dump_json().encode() + b"\n")
        replies.flush()

    try:
        reply(Done(driven=drive(Order.model_validate_json(line), reply)))
    except BrokenPipeError:
        raise
    except UnansweredError as error:
        reply(Failed(reason=str(error), error=error.error))
    except LabError as error:
        reply(Failed(reason=str(error), lab_fault=True))
    except Exception as error:
        traceback.print_exc()
        reply(
            Failed(reason=f"The driver could not carry out the trial: {type(error).__name__}: {error}.", lab_fault=True)
        )


def _raise_descriptor_limit() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _take_stdout() -> BinaryIO:
    """Keep standard output for replies: what a load test prints goes to the log."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return replies


main()
