"""What a data set's entries mean to a network: a class, a good part, a defect of any kind, or none.

Whatever is not plain is said in a line, so that nobody takes a guess for a match.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from camruntime.datasets._found import Entry, brief
from camruntime.datasets._matching import is_number, match_class, unmatched
from camruntime.datasets._sample import Sample
from camruntime.datasets.class_map import ClassMap

NO_GOOD = (
    "this bundle does not name its class of good parts (`camexport build --good LABEL`), so the "
    "network's own top class is explained for them, and they count neither in the accuracy nor as "
    "false alarms"
)


MOST = 5
"""Classes that the network does not have: of more, the others share a line."""


@dataclass(frozen=True)
class Network:
    """The network's classes, as far as a data set is concerned.

    Attributes:
        labels: in the order of the logits.
        good: index of the class of good parts; None where the bundle names none.
        class_map: what the caller says that the data set's classes are.
    """

    labels: Sequence[str]
    good: int | None = None
    class_map: ClassMap | None = None

    def but_good(self) -> tuple[int, ...]:
        """All classes but that of good parts."""
        return tuple(one for one in range(len(self.labels)) if one != self.good)


@dataclass(frozen=True)
class Meaning:
    """What an entry means.

    Attributes:
        classes: as in `Sample`; None where it is left out.
        how: `class`; `number`, a class by its index; `good`, nothing is marked; `any`, something
            is, and the network has no such class; `top`, its own answer has to do; `unmapped`;
            `unknown`; `unnamed`, nobody says anything.
    """

    classes: tuple[int, ...] | None
    how: str


def meaning(entry: Entry, network: Network) -> Meaning:
    """What an entry means to a network.

    Raises:
        DatasetError: its category may be several classes.
    """
    found = _by_category(entry, network) if entry.category else None
    if found is not None and (found.classes or entry.must_match):
        return found
    if entry.empty:
        return Meaning(() if network.good is None else (network.good,), "good")
    if entry.locate and network.good is not None:  # a mask says that something is there, no more
        return Meaning(network.but_good(), "any")
    return Meaning((), "top" if entry.category or entry.locate else "unnamed")


def _by_category(entry: Entry, network: Network) -> Meaning:
    class_map = network.class_map
    if class_map is not None:
        mapped = class_map.get(entry.category) or class_map.get(entry.key) or ()
        if mapped or entry.must_match:
            return Meaning(tuple(mapped) or None, "class" if mapped else "unmapped")
    index = match_class(entry.category, network.labels)
    if index is None:
        return Meaning(None, "unknown")
    return Meaning((index,), "number" if is_number(entry.category, network.labels) else "class")


def sample_of(entry: Entry, meant: Meaning, network: Network) -> Sample:
    """The sample that an entry is; one of a good part has no places."""
    classes = meant.classes or ()
    good = meant.how == "good" or (network.good is not None and classes == (network.good,))
    named = network.labels[classes[0]] if good and classes else ""
    return Sample(
        name=entry.name,
        image=entry.image,
        classes=classes,
        category=entry.category or named,
        locate=None if good else entry.locate,
        good=good,
    )


def notes(meant: Sequence[tuple[Entry, Meaning]], network: Network) -> tuple[str, ...]:
    """What is not plain, in lines."""
    counts = Counter((one.how, entry.category) for entry, one in meant)
    lacking = [
        (how, category, count)
        for (how, category), count in sorted(counts.items(), key=lambda item: item[0])
        if how in ("unknown", "any", "top")
    ]
    lines = [_note(how, category, _samples(count), network) for how, category, count in lacking]
    first = MOST if len(lacking) > MOST + 1 else len(lacking)
    lines[first:] = _shortly(lacking[first:])
    numbers = sorted(int(category) for how, category in counts if how == "number")
    empty = {category: count for (how, category), count in counts.items() if how == "good"}
    return (*lines, *_by_number(numbers, network), *_good_parts(empty, network))


def _shortly(lacking: Sequence[tuple[str, str, int]]) -> Iterator[str]:
    """The line about classes that the network does not have, where there are many."""
    if lacking:
        names = ", ".join(f"'{brief(category)}' {count}" for _, category, count in lacking)
        out = sum(count for how, _, count in lacking if how == "unknown")
        yield (
            f"{len(lacking)} more classes are none of the network's labels: {names}; of these "
            f"{_samples(out)} left out"
        )


def _samples(count: int) -> str:
    return f"{count} sample{'' if count == 1 else 's'}"


def _note(how: str, category: str, samples: str, network: Network) -> str:
    """A category that the network does not have: what becomes of its samples."""
    who = unmatched(category, network.labels) if category else "no class is named"
    if how == "unknown":
        return f"{who}: {samples} left out; rename it, or give a class map"
    if how == "top" or network.good is None:
        return f"{who}: the network's own top class is explained for {samples}"
    label = brief(network.labels[network.good])
    return f"{who}: {samples} taken for a defect of any kind, all classes but '{label}'"


def _by_number(numbers: Sequence[int], network: Network) -> Iterator[str]:
    """The line about classes that are known by their number alone."""
    named = [f"{one} '{brief(network.labels[one])}'" for one in numbers[:3]]
    more = f" and {len(numbers) - 3} more" if len(numbers) > 3 else ""
    if named:
        yield f"classes given by number are taken for the network's: {', '.join(named)}{more}"


def _good_parts(empty: dict[str, int], network: Network) -> Iterator[str]:
    """The line about pictures on which nothing is marked; none without any."""
    count = sum(empty.values())
    if not count:
        return
    folders = ", ".join(f"{brief(name)} {empty[name]}" for name in sorted(empty) if name)
    where = f" ({folders})" if folders else ""
    what = ("pictures", "are good parts") if count > 1 else ("picture", "is a good part")
    are = " without any object ".join(what)
    if network.good is None:
        yield f"{count} {are}{where}; {NO_GOOD}"
    else:
        yield f"{count} {are}{where}, class '{brief(network.labels[network.good])}'"
