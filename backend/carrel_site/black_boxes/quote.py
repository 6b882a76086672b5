"""From a function and its bounds to its price and the content that an approval would cover.

Everything here comes from public facts: the declared table, the policy, the asker's accounts.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import ValidationError
from sqlalchemy.orm import Session

from carrel_protocol.api.black_boxes import BlackBoxAsk
from carrel_protocol.api.requests import Price
from carrel_protocol.black_box import OUTPUT_BYTES, BlackBoxContent
from carrel_protocol.canonical import tagged_hash
from carrel_protocol.code import CodeData, CodeEnvironment, RunLimits
from carrel_protocol.privacy import PrivacyTarget
from carrel_site.code import environments, programs
from carrel_site.core.http import Caller
from carrel_site.datasets import service as datasets
from carrel_site.datasets.service import AnswerableDataset
from carrel_site.ledger import service as ledger
from carrel_site.ledger.service import Purse
from carrel_site.pricing.black_box import PricedBlackBox, price_black_box
from carrel_site.pricing.deadlines import black_box_deadline_ms
from carrel_site.requests import policies, repository
from carrel_site.requests.fitting import largest_that_fits
from carrel_site.requests.quote import forgotten
from carrel_site.requests.standing import Standing, standing
from carrel_site.site import Site


@dataclass(frozen=True, slots=True)
class Quote:
    """A black box with everything that follows from it."""

    dataset: AnswerableDataset
    content: BlackBoxContent
    price: Price
    memo_key: str
    standing: Standing


def quote(
    session: Session,
    site: Site,
    caller: Caller,
    ask: BlackBoxAsk,
    *,
    purpose: str = "",
    review: bool = False,
) -> Quote:
    """Work out what `ask` is and costs for `caller`; reserves and reads nothing."""
    dataset = datasets.get_answerable(session, caller, ask.dataset)
    policies.check_kind(dataset.policy, dataset.dataset.name, "black_box")
    accounts = ledger.purse(session, dataset.population_id, caller.user_id)
    priced = price_black_box(
        ask.output,
        ask.blocks,
        ask.target,
        aggregate=ask.aggregate,
        orders_milli=ledger.limits_of(accounts.mine).orders_milli,
    )
    content = _content(session, caller, ask, dataset, priced, purpose)
    known = standing(session, accounts.mine.id, "black_box")
    deadline = black_box_deadline_ms(
        content, dataset.table.size.rows, extra_rungs=known.extra_rungs
    )
    return Quote(
        dataset=dataset,
        content=content,
        price=_price(site, accounts, priced, content, deadline, dataset, review=review),
        memo_key=_memo_key(content, accounts.mine.id),
        standing=known,
    )


def advised(session: Session, site: Site, caller: Caller, ask: BlackBoxAsk) -> Price:
    """The price of `ask`, with what would fit if it does not, and whether it was asked before."""
    quoted = quote(session, site, caller, ask)
    found: dict[str, object] = {}
    earlier = repository.by_memo(session, quoted.memo_key)
    if earlier is not None and not forgotten(session, earlier.id):
        found["asked_before"] = earlier.id
    if not quoted.price.affordable:
        accounts = ledger.purse(session, quoted.dataset.population_id, caller.user_id)
        found["fits"] = largest_that_fits(ask.target, _admits(accounts, ask))
    return quoted.price.model_copy(update=found)


def _admits(accounts: Purse, ask: BlackBoxAsk) -> Callable[[PrivacyTarget], bool]:
    orders = ledger.limits_of(accounts.mine).orders_milli

    def admits(target: PrivacyTarget) -> bool:
        priced = price_black_box(
            ask.output, ask.blocks, target, aggregate=ask.aggregate, orders_milli=orders
        )
        return _affordable(accounts, priced)

    return admits


def _affordable(accounts: Purse, priced: PricedBlackBox) -> bool:
    return all(
        ledger.admits(
            account, ledger.charge_of(account, priced.cost(ledger.limits_of(account).orders_milli))
        )
        for account in accounts
    )


def _content(
    session: Session,
    caller: Caller,
    ask: BlackBoxAsk,
    dataset: AnswerableDataset,
    priced: PricedBlackBox,
    purpose: str,
) -> BlackBoxContent:
    environment = environments.usable(session, ask.environment)
    most = RunLimits.model_validate(environment.limits)
    wanted = most.model_copy(
        update={
            "wall_seconds": ask.wall_seconds,
            "cpu_seconds": ask.cpu_seconds,
            "output_bytes": min(OUTPUT_BYTES, most.output_bytes),
            "log_bytes": 0,  # what a block says is nobody's to read
        }
    )
    try:
        return BlackBoxContent(
            requester=caller.user_id,
            data=CodeData(
                alias=ask.alias,
                dataset_id=dataset.dataset.id,
                version_id=dataset.version_id,
                data_commitment=dataset.commitment,
                metadata_revision=dataset.revision,
                policy_revision=dataset.policy_revision,
                table=dataset.table,
            ),
            entry=ask.entry,
            files=ask.files,
            parameters=ask.parameters,
            environment=CodeEnvironment(name=environment.name, lock_hash=environment.lock_hash),
            limits=environments.limits(environment, wanted),
            blocks=ask.blocks,
            output=ask.output,
            aggregate=ask.aggregate,
            noise=priced.noise,
            claimed=priced.claimed,
            confidence=priced.confidence,
            purpose=purpose,
        )
    except ValidationError as error:
        raise programs.invalid(error) from None


def _price(
    site: Site,
    accounts: Purse,
    priced: PricedBlackBox,
    content: BlackBoxContent,
    deadline: int,
    dataset: AnswerableDataset,
    *,
    review: bool,
) -> Price:
    mine, limits = accounts.mine, ledger.limits_of(accounts.mine)
    charge = ledger.charge_of(mine, priced.cost(limits.orders_milli))
    share = ledger.share(charge, limits)
    # Code that nobody has read can signal by the load it makes: without a worker that is alone on
    # its machine, people look at it first (whatever the policy says).
    people = review or not site.settings.black_box_exclusive
    return Price(
        epsilon=priced.epsilon,
        rho=priced.rho,
        costs=charge.nano,
        share=share,
        share_left_after=max(0.0, 1 - ledger.share(ledger.used(mine) + charge, limits)),
        expected_errors=priced.expected_errors,
        noise=priced.noise,
        groups=1,
        deadline_ms=deadline,
        affordable=_affordable(accounts, priced),
        approval=policies.approval(dataset.policy, share, review=people),
        plan=None,
        in_words=in_words(content, dataset.dataset.name),
    )


def in_words(content: BlackBoxContent, dataset: str) -> str:
    """What was asked, for people."""
    numbers = "one number" if content.output.length == 1 else f"{content.output.length} numbers"
    words = (
        f"the {content.aggregate} over {content.blocks} blocks of {programs.title(content.entry)} "
        f"on {dataset}, {numbers}"
    )
    parameters = ", ".join(f"{name} = {value!r}" for name, value in content.parameters.items())
    return f"{words}, with {parameters}"[:500] if parameters else words


def _memo_key(content: BlackBoxContent, account_id: str) -> str:
    """What makes two black boxes the same one: asked twice, it is paid once."""
    asked = content.model_dump(mode="json", exclude={"purpose"})
    del asked["data"]["policy_revision"]
    return tagged_hash("memo/black_box/1", [account_id, asked])
