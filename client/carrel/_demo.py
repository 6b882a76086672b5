"""What `carrel demo` shows of the client: one private question, from its price to what is left.

CARREL_URL=… CARREL_API_KEY=… python -m carrel._demo
"""

import carrel

_SQL = "SELECT COUNT(*) AS people, AVG(drugexp) AS spending FROM meps WHERE age >= 70"
_EPSILON = 0.5


def main() -> None:
    """Price, ask and print."""
    with carrel.connect() as site:
        dataset = site.datasets["meps"]
        print(f"\n>>> site = carrel.connect({site.url!r}, key=…)")
        print(f">>> query = site.datasets['meps'].sql({_SQL!r}, epsilon={_EPSILON})")
        query = dataset.sql(_SQL, epsilon=_EPSILON)
        print(f">>> query.price()\n{query.price()}")
        print(f">>> query.run()\n{query.run(progress=False)}")
        print(f">>> site.budget('meps')\n{site.budget(dataset)}")


if __name__ == "__main__":
    main()
