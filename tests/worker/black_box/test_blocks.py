"""Which units a block holds, and that its table tells nothing of any other block's."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2

from carrel_worker.executors.black_box.blocks import Blocks, block_file, draws, os_draws
from carrel_worker.tables.layout import open_table
from tests.worker.black_box.made import SCHEMA, stored

COUNT = 7
PEOPLE = [[(3 * person + row) % 121 for row in range(person % 4)] for person in range(60)]
"""Nobody to three rows each; a unit without rows is possible in no stored table, and harmless."""


def texts(tmp_path: Path, people: list[list[int]], drawn: np.ndarray) -> list[bytes]:
    """Every block's file, byte for byte."""
    blocks = Blocks(stored(tmp_path / "table", people), drawn, COUNT)
    found = []
    for number in range(COUNT):
        with block_file(blocks, number, SCHEMA, tmp_path) as path:
            found.append(path.read_bytes())
        assert not path.exists()
    return found


def test_each_unit_is_in_one_block_and_all_of_its_rows_with_it(tmp_path: Path) -> None:
    table = stored(tmp_path / "table", PEOPLE)
    blocks = Blocks(table, os_draws(table.units), COUNT)
    held = np.concatenate([blocks.units(number) for number in range(COUNT)])
    assert sorted(held.tolist()) == list(range(len(PEOPLE)))
    for number in range(COUNT):
        path = tmp_path / "block"
        blocks.lay_out(number, path, SCHEMA)
        own = open_table(path, SCHEMA.columns)
        expected = [PEOPLE[unit] for unit in blocks.units(number)]
        assert own.units == len(expected)
        bounds = zip(own.starts, own.starts[1:], strict=False)
        assert [own.columns["age"][a:b].tolist() for a, b in bounds] == expected


def test_without_one_unit_just_its_own_block_is_another(tmp_path: Path) -> None:
    drawn = os_draws(len(PEOPLE))
    whole = texts(tmp_path, PEOPLE, drawn)
    for gone in range(len(PEOPLE)):
        rest = PEOPLE[:gone] + PEOPLE[gone + 1 :]
        without = texts(tmp_path, rest, np.delete(drawn, gone))
        changed = [n for n in range(COUNT) if whole[n] != without[n]]
        assert changed == [int(drawn[gone] % COUNT)]


def test_a_block_without_units_has_a_table_too(tmp_path: Path) -> None:
    drawn = np.zeros(len(PEOPLE), np.uint64)
    blocks = Blocks(stored(tmp_path / "table", PEOPLE), drawn, COUNT)
    assert [blocks.units(n).size for n in range(COUNT)] == [len(PEOPLE)] + [0] * (COUNT - 1)
    with block_file(blocks, 3, SCHEMA, tmp_path) as path:
        assert path.stat().st_size > 0


def test_draws_are_words_of_a_keyed_hash_and_each_key_gives_others() -> None:
    one, other = draws(1000, b"k" * 32), draws(1000, b"l" * 32)
    assert one.tolist() == draws(1001, b"k" * 32)[:1000].tolist()
    assert not set(one.tolist()) & set(other.tolist())
    assert draws(0, b"k" * 32).size == 0
    assert os_draws(40).tolist() != os_draws(40).tolist()


def test_draws_fill_blocks_evenly_and_independently_of_neighbours() -> None:
    """Two chi-square tests of level 1e-7 each."""
    units, count = 200_000, 10
    block = os_draws(units) % np.uint64(count)
    for seen, cells, n in (
        (Counter(block.tolist()), count, units),
        (
            Counter(zip(block[0::2].tolist(), block[1::2].tolist(), strict=True)),
            count * count,
            units // 2,
        ),
    ):
        expected = n / cells
        statistic = sum((seen[cell] - expected) ** 2 for cell in seen) / expected
        statistic += (cells - len(seen)) * expected
        assert chi2.sf(statistic, cells - 1) > 1e-7


def test_a_draw_for_each_unit_or_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="60 units and 59 draws"):
        Blocks(stored(tmp_path / "table", PEOPLE), os_draws(59), COUNT)
