"""Budgets over the API: what was given to whom, what is spent of it, and a change of it."""

from __future__ import annotations

from gateway.api import shapes
from gateway.api.endpoint import NO_BOOKS, Ask, Endpoint, ProblemError
from gateway.api.people import plain
from gateway.budgets.accounts import UNLIMITED
from gateway.budgets.budgets import Budgets
from gateway.call.prices import NANO
from gateway.identity.who import EVERY
from gateway.store.given import Given

OTHER = "That budget would be another tenant's."
OWN = "A tenant's own budget is changed by those who see every tenant; its callers' may be changed."


async def list_budgets(ask: Ask) -> shapes.GivenBudgets:
    """Those that may be seen."""
    return shapes.GivenBudgets(
        [_shown(one) for one in _budgets(ask).given if ask.who.sees(one.tenant)]
    )


async def show_budget(ask: Ask) -> shapes.BudgetState:
    """What one tenant or caller may spend, and has spent."""
    budgets = _budgets(ask)
    tenant, caller = _tenant(ask, ask.query.tenant), plain(ask.query.caller)
    accounts = [one for one in budgets.accounts(tenant, caller) if one.caller == caller]
    looks = await budgets.look(accounts)
    states = [
        shapes.PeriodState(
            account.period.name,
            0.0 if account.limit == UNLIMITED else account.limit / NANO,
            spent / NANO,
            held / NANO,
        )
        for account, (spent, held) in zip(accounts, looks, strict=True)
    ]
    call = budgets.allowed(tenant, caller).call / NANO
    return shapes.BudgetState(tenant, caller, call, *states)


async def give_budget(ask: Ask) -> shapes.GivenBudget:
    """One tenant or caller is given another budget, which holds at once for all their calls."""
    wanted: shapes.NewBudget = ask.body
    budgets = _budgets(ask)
    if budgets.table is None:
        raise ProblemError(409, "no_books", NO_BOOKS)
    tenant, caller = _tenant(ask, wanted.tenant), plain(wanted.caller)
    if not caller and ask.who.tenant != EVERY:
        raise ProblemError(403, "other_tenant", OWN)
    amounts = (wanted.call_usd, wanted.day_usd, wanted.month_usd)
    nano = (None if usd is None else round(usd * NANO) for usd in amounts)
    given = Given(tenant, caller, *nano)
    await budgets.table.give(given)
    budgets.learn([given])
    usd = {"call_usd": wanted.call_usd, "day_usd": wanted.day_usd, "month_usd": wanted.month_usd}
    access = ask.office.access  # what stands in the audit stays, and must not name a caller
    access.note("budget_given", ask.who, of_tenant=tenant, caller=access.alias(caller), **usd)
    return _shown(given)


def _tenant(ask: Ask, named: object) -> str:
    """The tenant that is meant; without a name one's own. Raises ProblemError."""
    own = ask.office.settings.auth.tenant if ask.who.tenant == EVERY else ask.who.tenant
    tenant = plain(named) if isinstance(named, str) else own
    if tenant in ("", EVERY) or not ask.who.sees(tenant):
        raise ProblemError(403, "other_tenant", OTHER)
    return tenant


def _budgets(ask: Ask) -> Budgets:
    if ask.office.budgets is None:
        raise ProblemError(409, "no_books", NO_BOOKS)
    return ask.office.budgets


def _shown(given: Given) -> shapes.GivenBudget:
    amounts = (given.call, given.day, given.month)
    usd = (None if nano is None else nano / NANO for nano in amounts)
    return shapes.GivenBudget(given.tenant, given.caller, *usd)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/budgets",
        "budgets:read",
        "Budgets that were given to single tenants and callers.",
        list_budgets,
        shapes.GivenBudgets,
        problems=(409,),
    ),
    Endpoint(
        "GET",
        "/api/budgets/state",
        "budgets:read",
        "What a tenant, or a caller of it, may spend and has spent.",
        show_budget,
        shapes.BudgetState,
        query=shapes.BudgetQuery,
        problems=(409,),
    ),
    Endpoint(
        "PUT",
        "/api/budgets",
        "budgets:write",
        "Give a tenant or a caller a budget of its own; without amounts, that of the settings.",
        give_budget,
        shapes.GivenBudget,
        body=shapes.NewBudget,
        problems=(409, 413),
    ),
)
