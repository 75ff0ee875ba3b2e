"""The notifier: Alertmanager's webhook in, one Slack message per news out."""
