"""Objectives -> recorded budgets, burn-rate alerts, and the tests that prove both."""
