"""Every trial of a plan, in the order of running, under a name that follows from what it is."""

from collections.abc import Mapping
from typing import Any

from seqwise.comparison.budget import SEARCH_SHARE
from seqwise.comparison.contenders import Contender
from seqwise.comparison.plan import AnyConfig, Choice, Setting
from seqwise.comparison.search import hyperparameters, points
from seqwise.core.config import fingerprint
from seqwise.core.environment import source_hash


def trials(setting: Setting, choice: Choice) -> list[dict[str, Any]]:
    """Every trial in the order of running: replicate by replicate, baselines first, a final run after its search."""
    configs = setting.solved(choice.target)
    found: list[dict[str, Any]] = []
    for replicate in range(choice.replicates):
        found += [_baseline(setting, name, replicate) for name in setting.task.baselines]
        searches = {c.name: _searches(setting, choice, configs[c.name], c, replicate) for c in setting.contenders}
        found += [search for contender in setting.contenders for search in searches[contender.name]]
        if choice.extended:
            every = [search["fingerprint"] for search in found if search["kind"] == "search" and search["replicate"] == replicate]
            for contender in setting.contenders:
                searches[contender.name].append(_extension(setting, searches[contender.name][0], choice.configurations, every))
            found += [searches[contender.name][-1] for contender in setting.contenders]
        finals = [_final(setting, choice, configs[c.name], c, replicate, searches[c.name]) for c in setting.contenders]
        found += finals
        found += [_fraction(setting, final, share) for share in setting.shares for final in finals]
    return found


def _named(setting: Setting, job: dict[str, Any]) -> dict[str, Any]:
    return job | {"fingerprint": fingerprint(job | {"data": setting.data_sha256, "source": source_hash()})}


def _baseline(setting: Setting, name: str, replicate: int) -> dict[str, Any]:
    job = {"kind": "baseline", "model": name, "replicate": replicate, "after": []}
    return _named(setting, job | {"task": setting.task.tag, "labels": list(setting.labels)})


def _searches(
    setting: Setting, choice: Choice, configs: Mapping[str, AnyConfig], contender: Contender, replicate: int
) -> list[dict[str, Any]]:
    found = []
    for index, point in enumerate(points(choice.configurations, setting.options.seed)):
        values, edge = hyperparameters(contender, point, setting.task)
        steps = choice.steps[contender.name]
        job = setting.job(configs[values.get("body", "modern")], steps, contender.name, replicate)
        job |= {"kind": "search", "configuration": index, "after": []}
        job |= {"hyperparameters": values, "edge": edge, "point": point, "until": round(steps * SEARCH_SHARE)}
        found.append(_named(setting, job))
    return found


def _extension(setting: Setting, search: dict[str, Any], configuration: int, after: list[str]) -> dict[str, Any]:
    """One more search trial, whose setting depends on what the others of its replicate found."""
    own = {key: value for key, value in search.items() if key not in ("fingerprint", "hyperparameters", "edge", "point")}
    return _named(setting, own | {"kind": "extension", "configuration": configuration, "after": after})


def _final(
    setting: Setting,
    choice: Choice,
    configs: Mapping[str, AnyConfig],
    contender: Contender,
    replicate: int,
    searches: list[dict[str, Any]],
) -> dict[str, Any]:
    steps = choice.steps[contender.name]
    job = setting.job(configs["modern"], steps, contender.name, replicate)
    job |= {"kind": "final", "until": steps}
    return _named(setting, job | {"after": [search["fingerprint"] for search in searches]})


def _fraction(setting: Setting, final: dict[str, Any], share: float) -> dict[str, Any]:
    """The setting that a final run kept, trained again on a share of the data."""
    own = {key: value for key, value in final.items() if key != "fingerprint"}
    return _named(setting, own | {"kind": "fraction", "fraction": share, "after": [final["fingerprint"]]})
