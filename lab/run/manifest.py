"""run.json: what was run, where and with what; written before the first trial, completed as the run proceeds."""

import statistics
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from lab.model import effective
from lab.model.outcome import Sample
from lab.model.stack import AA, Service
from lab.paths import ROOT
from lab.run import provenance
from lab.run.context import Context
from lab.runtime.interface import Runtime
from lab.runtime.layers import together, weights
from lab.settings.reading import configured


class Record:
    """The content of run.json; a resumed run keeps what its first part wrote."""

    def __init__(self, context: Context) -> None:
        self._folder = context.folder
        self.facts = self._folder.read_run() if self._folder.exists else _first_facts(context)

    def identify(self, runtime: Runtime, labels: list[str], services: Mapping[str, Service]) -> None:
        """Add versions and image ids of what runs under these labels, where they are not known yet."""
        versions: dict[str, dict[str, str]] = self.facts.setdefault("versions", {})
        images: dict[str, str] = self.facts.setdefault("images", {})
        for label in labels:
            if label.endswith(AA) or label in images or "python" in versions.get(label, {}):
                continue
            identity = runtime.identify(label)
            if image := identity.pop("image", None):
                images[label] = image
            lock = services[label].lock
            locked = provenance.locked_versions(ROOT / lock) if lock else {}
            said = effective.versions(effective.recorded(self.facts).get(label, {}))
            versions[label] = {**versions.get(label, {}), **identity, **locked, **said}

    def runs_with(self, settings: Mapping[str, effective.Settings], unequal: Mapping[str, list[str]]) -> None:
        """Add what each stack really runs with, and where it has neither the equal budget nor a declared exception."""
        self.facts["settings"] = _dumped(settings)
        self.facts["unequal"] = {stack: found for stack, found in unequal.items() if found}

    def weigh(self, runtime: Runtime, services: Iterable[str]) -> None:
        """Add how large the images of prepared services are, each and all together; nothing where there are no images."""
        images = {service: runtime.image_layers(service) for service in services}
        self.facts |= {"image_sizes": weights(images), "images_together_bytes": together(images)}

    def write(self, *, ended: bool) -> None:
        """Write run.json with the overheads as they are now."""
        self._folder.write_run(
            self.facts | {"ended_at": datetime.now(UTC) if ended else None, "overhead": self._overhead()}
        )

    def _overhead(self) -> dict[str, float | None]:
        """Return seconds: set-up before the first block; beside warm-up and window per trial; start and stop per block."""
        trials = [outcome.overhead_s for outcome in self._folder.outcomes() if isinstance(outcome, Sample)]
        blocks = [block.overhead_s for block in self._folder.blocks()]
        return {
            "setup_s": self.facts.get("setup_s"),
            "trial_median_s": statistics.median(trials) if trials else None,
            "block_median_s": statistics.median(blocks) if blocks else None,
        }


def _first_facts(context: Context) -> dict[str, Any]:
    """Return what is known before anything is started."""
    plan, runtime = context.plan, context.runtime
    return {
        "profile": plan.profile.model_dump(mode="json"),
        "seed": plan.seed,
        "runtime": runtime.name,
        "cpu_plan": context.cpus.model_dump(mode="json"),
        **context.world.surroundings(context.services),
        "stacks": [stack.model_dump(mode="json") for stack in context.chosen.values()],
        "arms": list(plan.arms),
        "trials_per_block": plan.trials_per_block,
        "scenarios": [scenario.model_dump(mode="json") for scenario in plan.scenarios],
        "experiments": [one.model_dump(mode="json", exclude_defaults=True) for one in context.experiments],
        "settings": _dumped({name: configured(context.services[name]) for name in context.chosen}),
        "budget": dict(context.budget),
        "not_applied": runtime.not_applied({arm.service for arm in context.arms.values()}),
        "started_at": datetime.now(UTC),
        "interruptions": [],
        "starts_in_sequence": True,  # older runs, which do not say so, started the servers of a block together
    }


def _dumped(settings: Mapping[str, effective.Settings]) -> dict[str, dict[str, Any]]:
    return {stack: {name: setting.model_dump() for name, setting in found.items()} for stack, found in settings.items()}
