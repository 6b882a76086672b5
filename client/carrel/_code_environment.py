"""A site's environments: the packages that code may import there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from carrel._code_collect import Allowed
from carrel._errors import InvalidInput
from carrel._made import made
from carrel_protocol.api.code import Environment
from carrel_protocol.code import Bound, ChoiceBound, NumberBound, Reach

if TYPE_CHECKING:
    from carrel._site import Site


def environment_of(site: Site, name: str, packages: Iterable[str] = ()) -> Environment:
    """The environment of that name, which has these packages. Raises `InvalidInput`."""
    all_of_them = site.environments
    if not all_of_them:
        raise InvalidInput(
            "The site has no environment yet, so no code can run there.",
            advice="A site that was just started has one within a minute. If it stays so, its "
            "owner sees why in the log of the workers for code.",
        )
    found = next((one for one in all_of_them if one.name == name), None)
    if found is None:
        others = ", ".join(one.name for one in all_of_them)
        raise InvalidInput(
            f"The site has no environment {name!r}.", advice=f"It has {others}: environment='…'."
        )
    has = dict(_parts(one) for one in found.locked)
    for package in packages:
        wanted, version = _parts(package)
        if wanted not in has or (version and version != has[wanted]):
            kept = f"{wanted} {has[wanted]}" if wanted in has else f"no {wanted}"
            raise InvalidInput(
                f"The environment {name!r} has {kept}, and {package!r} was asked for.",
                advice="site.environments shows what each has; only the site's owner makes others.",
            )
    return found


def allowed_by(environment: Environment) -> Allowed:
    return Allowed(environment.name, frozenset(environment.imports))


def reach(
    *,
    runs: int = 10,
    days: int = 30,
    **bounds: tuple[float, float] | Iterable[Any] | str | float | None,
) -> Reach:
    """Other parameters that an approval is to cover: later runs within them need no vote.

        work.submit("…", reach=carrel.reach(age_from=(18, 90), sex=["f", "m"]), age_from=65)

    A pair is a range of numbers (whole ones, if both ends are), a list or set is a choice. A number
    of a range is covered as what it was asked as first: with 65, whole numbers; with 65.0, others.
    runs: how many it covers, the first among them. days: how long.
    """
    return made(
        Reach,
        bounds={name: _bound(name, value) for name, value in bounds.items()},
        runs=runs,
        days=days,
    )


def _bound(name: str, value: Any) -> Bound:
    if isinstance(value, NumberBound | ChoiceBound):
        return value
    if isinstance(value, range):
        if value.step != 1 or not value:
            raise InvalidInput(f"{name}: a range goes up by one.")
        value = (value[0], value[-1])
    if isinstance(value, tuple):
        numbers = all(isinstance(n, int | float) and not isinstance(n, bool) for n in value)
        if len(value) != 2 or not numbers:
            raise InvalidInput(
                f"{name}: {value!r} is no range of numbers.",
                advice="(18, 90) is one; a choice of values is a list.",
            )
        whole = all(isinstance(n, int) for n in value)
        return made(NumberBound, lower=value[0], upper=value[1], whole=whole)
    if isinstance(value, list | set | frozenset):
        # A set has no order, and the same choice has to be the same request.
        ordered = value if isinstance(value, list) else sorted(value, key=repr)
        return made(ChoiceBound, values=tuple(ordered))
    return made(ChoiceBound, values=(value,))


def _parts(package: str) -> tuple[str, str]:
    """A package's name as an index compares it (PEP 503), and its version after `==`."""
    name, _, version = package.partition("==")
    return re.sub(r"[-_.]+", "-", name.strip()).lower(), version.strip()
