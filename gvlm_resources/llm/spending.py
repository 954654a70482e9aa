"""Known money: prices, and budgets that nothing is asked beyond.

Before a request an upper estimate of it must fit what is left; when its reply is stored, what the server counted takes
the estimate's place. A price that is not known is never taken for nothing.
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from importlib.resources import files

import yaml
from pydantic import BaseModel, ConfigDict, Field

from gvlm_resources.errors import BudgetError, SettingsError
from gvlm_resources.llm.ledger import Held, Ledger
from gvlm_resources.llm.replies import ReplyStore, Stored
from gvlm_resources.llm.usage import Usage
from gvlm_resources.settings import Price, ServerSettings, SynthesisSettings

PER_TOKEN = 1e-6
TOLERANCE = 1e-9  # of sums of money: what rounding may add up to is no overspending


class ListedPrice(BaseModel):
    """A price of the table that ships with this package. See the head of `prices.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    prompt_usd: float = Field(ge=0)
    completion_usd: float = Field(ge=0)
    noted: datetime.date
    prompt_tokens_below: int | None = Field(default=None, gt=0)
    image_tokens: int | None = Field(default=None, gt=0)


class Prices:
    """What models cost: the user's own prices, and behind them the table that ships with this package."""

    def __init__(self, own: Mapping[str, Price] | None = None) -> None:
        self._own = dict(own or {})
        self._listed = listed_prices()

    def of_model(self, model: str) -> Price | None:
        """What that model costs: the user's own price, or the listed one; None where neither is known."""
        own, listed = self._own.get(model), self._listed.get(model)
        if own is not None or listed is None:
            return own
        return Price(prompt_usd=listed.prompt_usd, completion_usd=listed.completion_usd)

    def cost(self, model: str, usage: Usage) -> float | None:
        """US dollars, or None where the price is not known."""
        price, listed = self.of_model(model), self._listed.get(model)
        if price is None:
            return None
        below = listed.prompt_tokens_below if listed is not None and model not in self._own else None
        if below is not None and usage.prompt_tokens >= below:
            return None
        dollars = usage.prompt_tokens * price.prompt_usd + usage.completion_tokens * price.completion_usd
        return round(dollars * PER_TOKEN, 9)

    def image_tokens(self, model: str) -> int | None:
        """Most tokens of one picture, where that is far more than of most models."""
        listed = self._listed.get(model)
        return listed.image_tokens if listed else None


def listed_prices() -> dict[str, ListedPrice]:
    text = files("gvlm_resources").joinpath("llm/prices.yaml").read_text()
    return {name: ListedPrice.model_validate(price) for name, price in yaml.safe_load(text).items()}


@dataclass(frozen=True, slots=True)
class Budget:
    """Most that may be spent. None is no limit. `section` is where the settings have it."""

    section: str
    usd: float | None = None
    tokens: int | None = None

    def holds(self, usd: float, tokens: int) -> bool:
        in_money = self.usd is None or usd <= self.usd * (1 + TOLERANCE)
        return in_money and (self.tokens is None or tokens <= self.tokens)


@dataclass(frozen=True, slots=True)
class Budgets:
    video: Budget = Budget("synthesis")
    lake: Budget = Budget("server")

    @staticmethod
    def of(synthesis: SynthesisSettings, server: ServerSettings) -> Budgets:
        return Budgets(
            Budget("synthesis", synthesis.budget_usd, synthesis.budget_tokens),
            Budget("server", server.budget_usd, server.budget_tokens),
        )

    @property
    def in_money(self) -> list[str]:
        """The settings that name an amount of money."""
        return [f"{budget.section}.budget_usd" for budget in (self.video, self.lake) if budget.usd is not None]


class Admission(Enum):
    """Whether a request may be made."""

    YES = "yes"
    LATER = "later"  # it fits if what is being asked turns out to cost less than it may
    NO = "no"  # the video's budget does not hold it


class Purse:
    """The money of one video, and through the ledger that of its lake. Safe to use from several threads.

    A reply of the store counts in its video's budget by what it cost when it was asked: a build that was killed and
    run again asks what it would have asked at once.
    """

    def __init__(self, prices: Prices, budgets: Budgets, store: ReplyStore) -> None:
        self.prices, self._budgets, self._ledger = prices, budgets, Ledger(store)
        self._mutex = threading.Lock()
        self._held: dict[str, Held] = {}
        self._usd, self._tokens = 0.0, 0

    def check(self, model: str) -> None:
        """Raises SettingsError where there is a budget in money and the model has no price."""
        self._priced(model, Usage(0, 0))

    def may_ask(self, call: str, model: str, most: Usage) -> Admission:
        """Whether a request that may come to `most` fits. On YES that is held for it until `settle` or `let_go`.

        Raises BudgetError where it does not fit the lake's budget, SettingsError where its price is not known.
        """
        held = Held(most.tokens, self._priced(model, most))
        with self._mutex:
            if not self._budgets.video.holds(*self._after([held])):
                return Admission.NO
            if not self._budgets.video.holds(*self._after([held, *self._held.values()])):
                return Admission.LATER
            with self._ledger.open() as ledger:
                theirs = ledger.held()  # first, for it may find replies that a dead process stored
                spent = Held(ledger.tokens, self._lake_usd(ledger))
                self._check_lake(spent, held)
                if not self._budgets.lake.holds(*_sum([spent, held, *theirs])):
                    return Admission.LATER
                ledger.hold(call, held)
            self._held[call] = held
        return Admission.YES

    def settle(self, stored: Stored) -> None:
        """Count a reply that was asked for and is stored, in place of what was held for it."""
        with self._mutex:
            self._held.pop(stored.call_id, None)
            self._add(stored)
            with self._ledger.open() as ledger:
                ledger.count(stored)

    def let_go(self, call: str) -> None:
        """A request brought nothing."""
        with self._mutex:
            self._held.pop(call, None)
            with self._ledger.open() as ledger:
                ledger.let_go(call)

    def reuse(self, stored: Stored) -> None:
        """Count a reply of the store in the video's budget, in place of what was held for it, if anything was.

        The lake's has it already.
        """
        with self._mutex:
            self._add(stored)
            if self._held.pop(stored.call_id, None) is not None:
                with self._ledger.open() as ledger:
                    ledger.let_go(stored.call_id)

    # --------------------------------------------------------------------------------------- details

    def _add(self, stored: Stored) -> None:
        self._tokens += stored.prompt_tokens + stored.completion_tokens
        usage = Usage(stored.prompt_tokens, stored.completion_tokens)
        self._usd += stored.cost_usd if stored.cost_usd is not None else self._priced(stored.model, usage) or 0.0

    def _after(self, more: Iterable[Held]) -> tuple[float, int]:
        return _sum([Held(self._tokens, self._usd), *more])

    def _priced(self, model: str, usage: Usage) -> float | None:
        """What that costs; None where it is not known and no budget is in money."""
        usd = self.prices.cost(model, usage)
        settings = " and ".join(self._budgets.in_money)
        if usd is None and settings:
            prompt = f" with a prompt of {usage.prompt_tokens} tokens" if usage.prompt_tokens else ""
            raise SettingsError(
                f"{settings} cannot be kept: the price of {model}{prompt} is not known",
                remedy=f"set server.prices: {{{model}: {{prompt_usd: ..., completion_usd: ...}}}}, in dollars for a "
                "million tokens (0 for a model of your own), or set budget_tokens in place of budget_usd",
            )
        return usd

    def _lake_usd(self, ledger: Ledger) -> float | None:
        """What all replies have cost; those stored without a price at today's."""
        if self._budgets.lake.usd is None:
            return None
        return ledger.usd + sum(self._priced(line.model, line.usage) or 0.0 for line in ledger.unpriced)

    def _check_lake(self, spent: Held, held: Held) -> None:
        lake = self._budgets.lake
        usd, tokens = _sum([spent, held])
        if lake.holds(usd, tokens):
            return
        in_tokens = lake.tokens is not None and tokens > lake.tokens
        name = "server.budget_tokens" if in_tokens else "server.budget_usd"
        limit = f"{lake.tokens} tokens" if in_tokens else f"{lake.usd:.4f} USD"
        gone = f"{spent.tokens} tokens" if in_tokens else f"{spent.usd:.4f} USD"
        more = f"{held.tokens} tokens" if in_tokens else f"{held.usd:.4f} USD"
        raise BudgetError(
            f"the next request may come to {more}, and of {name}, which is {limit}, {gone} are spent",
            remedy=f"raise {name} and build again: every reply so far is stored, and not paid for again",
        )


def _sum(amounts: Iterable[Held]) -> tuple[float, int]:
    """Dollars and tokens. Where a budget is in money, this process knows the price of all that it asks."""
    listed = list(amounts)
    return sum(amount.usd or 0.0 for amount in listed), sum(amount.tokens for amount in listed)
