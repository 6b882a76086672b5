"""The table attack × tier × result, as root and as an ordinary user: `make attacks`."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

from tests.security import suite, test_attacks


def _own(words: list[str]) -> Iterator[str]:
    done = subprocess.Popen(
        [sys.executable, "-P", suite.__file__, *words], stdout=subprocess.PIPE, text=True
    )
    assert done.stdout is not None
    yield from done.stdout


def _another(words: list[str]) -> Iterator[str]:
    python = next((e for e in test_attacks._interpreters() if test_attacks._runs(e)), None)
    if os.geteuid() != 0 or python is None:
        return
    done = subprocess.Popen(
        [python, suite.__file__, *words],
        stdout=subprocess.PIPE,
        text=True,
        env=test_attacks._environment(),
        user=test_attacks.ORDINARY,
        group=test_attacks.ORDINARY,
        extra_groups=[],
    )
    assert done.stdout is not None
    yield from done.stdout


def main() -> int:
    who = "root" if os.geteuid() == 0 else "user"
    every = [mode.word for mode in suite.MODES]
    columns: dict[str, dict[str, str]] = {}
    lost = 0
    for user, lines in ((who, _own(every)), ("user", _another(every[2:]))):
        for line in lines:
            fields = json.loads(line)
            column = columns.setdefault(f"{user}: {fields['mode']}", {})
            if "unavailable" in fields:
                print(f"{user}: {fields['mode']}: not here: {fields['unavailable']}")
                continue
            cell = "known" if fields["known"] else "WON" if fields["won"] else fields["ending"]
            lost += bool(fields["won"])
            column[fields["attack"]] = cell
    columns = {word: cells for word, cells in columns.items() if cells}
    for number, word in enumerate(columns, 1):
        print(f"[{number}] {word}")
    print(f"{'attack':18}" + "".join(f"{f'[{n}]':>12}" for n in range(1, len(columns) + 1)))
    for name in suite.NAMES:
        print(f"{name:18}" + "".join(f"{cells.get(name, ''):>12}" for cells in columns.values()))
    total = sum(len(cells) for cells in columns.values())
    print(f"{total - lost} of {total} held (shown: how the program ended; 'known': documented)")
    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main())
