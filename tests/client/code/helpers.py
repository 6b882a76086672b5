"""Functions of a researcher's own, as they lie beside a notebook."""

import math

import numpy as np

CUT = 65
WEIGHTS = {"a": 1.5, "b": float("inf"), "c": (1, 2)}
RATES = np.arange(3)


def clean(df):
    return df[df.age >= CUT]


def scaled(df):
    return math.log(clean(df).drugexp.sum() * WEIGHTS["a"])


def with_rates(df):
    return df.drugexp * RATES


class Settings:
    lower: int = CUT

    def keeps(self, df):
        return df[df.age >= self.lower]


def set_up(df):
    return Settings().keeps(df)
