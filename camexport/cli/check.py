"""What `camexport build --check` prints: accuracy, a table of classes, and what looks wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from camexport.cli.common import console, say, say_rows, warn

if TYPE_CHECKING:
    from camexport.accuracy import Accuracy, Check

_CLASSES = 12  # in the table; of more the worst


def check_and_say(check: Check) -> None:
    """Measure accuracy, and print it."""
    from camexport.accuracy import findings, measure_accuracy

    pictures, manifest = check.pictures, check.bundle.manifest
    for line in (*(f"left out: {one}" for one in pictures.left_out), *pictures.notes):
        say(line)
    columns = (TextColumn("checking"), BarColumn(), MofNCompleteColumn())
    quiet = not console.is_terminal  # where a bar would leave an empty line
    with Progress(*columns, console=console, transient=True, disable=quiet) as bar:
        task = bar.add_task("checking", total=len(pictures.samples))
        accuracy = measure_accuracy(check, lambda done, _: bar.update(task, completed=done))
    for line in accuracy.left_out:
        say(f"left out: {line}")
    say_rows(_rows(accuracy, check))
    console.print(_table(accuracy, manifest.labels))
    for line in findings(accuracy, manifest):
        warn(line)


def _rows(accuracy: Accuracy, check: Check) -> dict[str, str]:
    from camexport.accuracy import PYTORCH, RUNTIME

    every, classes = len(accuracy.samples), accuracy.by_class()
    answers = accuracy.answers
    rows = {
        "checked on": f"{every} pictures of {len(classes)} classes, {check.pictures.name}",
        "accuracy": ", ".join(
            f"{accuracy.share(who):.1%} ({int(accuracy.right(who).sum())}) by {who}"
            for who in answers
        ),
    }
    if len({int(those.sum()) for those in classes.values()}) > 1:
        each = ", ".join(f"{accuracy.balanced(who):.1%} by {who}" for who in answers)
        rows["balanced"] = f"{each}: the mean over the classes"
    if check.bundle.manifest.answer.probabilities == "sigmoid":
        rows["counted"] = (
            "the strongest class alone; these are by themselves, and more may be there"
        )
    if PYTORCH in answers:
        alike = int((answers[RUNTIME] == answers[PYTORCH]).sum())
        rows["same answer"] = f"by both on {alike} of {every}"
    return rows


def _table(accuracy: Accuracy, labels: Sequence[str]) -> Table:
    """A row for each class, the worst first."""
    right = {who: accuracy.right(who) for who in accuracy.answers}
    first = next(iter(right.values()))
    classes = sorted(accuracy.by_class().items(), key=lambda one: first[one[1]].mean())
    table = Table("class", "pictures", *right, highlight=False)
    for name, those in classes[:_CLASSES]:
        shares = (f"{each[those].mean():.1%}" for each in right.values())
        meant = accuracy.samples[int(those.argmax())].classes
        label = labels[meant[0]] if len(meant) == 1 else name
        called = name if label.casefold() == name.casefold() else f"{name} ({label})"
        table.add_row(Text(called), str(int(those.sum())), *shares)
    if len(classes) > _CLASSES:
        table.caption = f"and {len(classes) - _CLASSES} more, which are no worse"
    return table
