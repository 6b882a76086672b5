"""What `carrel demo --code` shows of the client: code that people read, and what they let go.

CARREL_URL=… CARREL_API_KEY=… python -m carrel._demo_code ask|fetch
"""

import sys
import time

import carrel

PURPOSE = "Spending by sex, for a report on the elderly"
_SECONDS = 11
"""Of wall time: what the code may take, and so when its end is public."""
_READY_SECONDS = 120


def _work(site: carrel.Site) -> "carrel.CodeFunction":
    meps = site.datasets["meps"]

    @carrel.function(data=meps, packages=["pandas"], limits={"wall_seconds": _SECONDS})
    def spending(df, age_from=65):  # type: ignore[no-untyped-def]
        old = df[df.age >= age_from]
        return old.groupby("female")["drugexp"].mean()

    return spending


def _once_code_can_run(site: carrel.Site) -> None:
    """A new site's workers first make ready what code may import: some seconds, once."""
    end = time.monotonic() + _READY_SECONDS
    while not site.environments and time.monotonic() < end:
        time.sleep(0.3)


def _ask(site: carrel.Site) -> None:
    _once_code_can_run(site)
    work = _work(site)
    print("\n>>> @carrel.function(data=site.datasets['meps'], packages=['pandas'])")
    print("... def spending(df, age_from=65):")
    print("...     old = df[df.age >= age_from]")
    print("...     return old.groupby('female')['drugexp'].mean()")
    print(f">>> spending.mock()                  # made-up rows\n{work.mock(progress=False)}")
    request = work.submit(PURPOSE, age_from=70)
    print(f">>> request = spending.submit({PURPOSE!r}, age_from=70)")
    print(f">>> request.status\n{request.status}")


def _fetch(site: carrel.Site) -> None:
    request = next(
        one
        for one in site.requests.list(dataset="meps")
        if isinstance(one, carrel.CodeRequest) and one.purpose == PURPOSE
    )
    result = request.wait(progress=False)
    print(f">>> request.wait().value             # private rows, released\n{result.value}")
    _price_a_black_box(site)


def _price_a_black_box(site: carrel.Site) -> None:
    output = carrel.Vector(1, lower=0, upper=2000)

    @carrel.black_box(data=site.datasets["meps"], blocks=50, output=output, epsilon=1.0)
    def median(df):  # type: ignore[no-untyped-def]
        return df["drugexp"].median()

    print("\n>>> output = carrel.Vector(1, lower=0, upper=2000)")
    print(
        ">>> @carrel.black_box(data=site.datasets['meps'], blocks=50, output=output, epsilon=1.0)"
    )
    print("... def median(df):")
    print("...     return df['drugexp'].median()")
    print(f">>> median.price()                   # private, whatever it does\n{median.price()}")


def main() -> None:
    """One of the two halves; a reviewer's part lies between them."""
    with carrel.connect() as site:
        {"ask": _ask, "fetch": _fetch}[sys.argv[1]](site)


if __name__ == "__main__":
    main()
