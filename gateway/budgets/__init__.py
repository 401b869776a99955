"""Budgets that calls share: of a caller and of a tenant, for a day and for a month."""
