"""Make one run, from nothing to its outcomes: images, services, contract check, blocks of trials."""

from datetime import UTC, datetime

from lab.errors import LabError
from lab.host.machine import running_on
from lab.paths import MICRO
from lab.run import preparation
from lab.run.block import Attempts, Fleet
from lab.run.context import Context
from lab.run.manifest import Record
from lab.run.searching import Searches
from lab.run.series import Series
from lab.run.servers import DATABASE
from lab.signals import deaf, interruptible


def run(context: Context) -> bool:
    """Measure whatever of the plan is not measured yet; return whether nothing is left to measure.

    An interruption (Ctrl-C, SIGTERM) ends it early: all is stopped, what was measured stays, run.json says so.

    Raises:
        LabError: nothing can be measured, or no more (no image, no database, …).
    """
    context.folder.create()
    record = Record(context)
    record.write(ended=False)  # so that a run that is killed before its first trial can be resumed too
    with running_on(context.cpus.others), interruptible():  # neither the lab nor what it starts uses the server's CPUs
        try:
            _measure(context, record)
            record.write(ended=True)
            return True
        except KeyboardInterrupt:
            with deaf():
                context.say.step("Interrupted: stopping everything; what was measured is kept.")
                record.facts["interruptions"].append(datetime.now(UTC))
                record.write(ended=False)
            return False
        except LabError:
            record.write(ended=False)
            raise
        finally:
            with deaf():
                context.runtime.stop_all()


def _measure(context: Context, record: Record) -> None:
    began_s = context.world.clock_s()
    preparation.prepare(context, record)
    with context.world.backing(context.runtime, context.services, context.folder.logs) as database_version:
        record.facts.setdefault("versions", {})[DATABASE] = {"postgresql": database_version}
        checked = preparation.check(context, record)
        if context.needs_micro and not (context.folder.path / MICRO).exists():
            context.world.micro(context.services, context.runtime, context.folder.path, context.say)
        limits = preparation.limits(context, record, checked.settings)
        context = preparation.turn_cpu_ms_into_rounds(context, record, checked.wrong)
        with (
            context.world.driver(context.folder.logs / "driver.log", context.cpus.others) as driver,
            Fleet(context, record, driver) as fleet,
        ):
            setup_s = context.world.clock_s() - began_s
            record.facts |= {"setup_s": setup_s, "measuring_started_at": datetime.now(UTC)}
            series = Series(context, Attempts(context, fleet, checked.wrong, limits), limits)
            record.facts |= {"stopped": series.run()}
            Searches(context, fleet, limits).run()
            record.facts |= {"measuring_ended_at": datetime.now(UTC)}
