"""Categories in a condition, compared by their text although only codes are stored."""

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

from carrel_protocol.schema import CategoryColumn
from carrel_worker.mechanisms.numbers import FUNCTIONS, Mask, Op, Rows, constant


def compare_with(op: Op, column: CategoryColumn, text: str) -> Mask:
    """Where `column op text`; of no meaning where the column is null.

    Codes follow the sorted order of the texts, so an order of texts is an order of codes. A
    text that is not on the list equals none of them, yet has its place between them.
    """
    place = bisect_left(column.categories, text)
    known = place < len(column.categories) and column.categories[place] == text
    name = column.name
    match op:
        case "eq" | "ne":
            if not known:
                return constant(holds=op == "ne")
            function, limit = FUNCTIONS[op], place
        case "lt" | "ge":
            function, limit = FUNCTIONS[op], place
        case "le":
            function, limit = FUNCTIONS["lt"], place + known
        case "gt":
            function, limit = FUNCTIONS["ge"], place + known
    return lambda rows: function(rows[name], limit)


def compare(op: Op, left: CategoryColumn, right: CategoryColumn) -> Mask:
    """Where `left op right`; of no meaning where either is null."""
    ranks = {text: i for i, text in enumerate(sorted({*left.categories, *right.categories}))}
    # One entry more, for the code of a null.
    of_left = np.array([*(ranks[text] for text in left.categories), 0])
    of_right = np.array([*(ranks[text] for text in right.categories), 0])
    function = FUNCTIONS[op]

    def mask(rows: Rows) -> NDArray[np.bool_]:
        return np.asarray(function(of_left[rows[left.name]], of_right[rows[right.name]]))

    return mask


def listed(column: CategoryColumn, texts: list[str]) -> Mask:
    """Where the column is one of `texts`; of no meaning where it is null."""
    wanted = np.zeros(len(column.categories) + 1, dtype=bool)
    for text in texts:
        place = bisect_left(column.categories, text)
        if place < len(column.categories) and column.categories[place] == text:
            wanted[place] = True
    return lambda rows: wanted[rows[column.name]]
