"""policy -> rules, routes, rule tests and runbooks; the notifier that speaks to Slack stands in `alerts.notifier`."""
