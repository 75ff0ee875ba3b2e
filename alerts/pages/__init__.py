"""The runbooks as Markdown with `$name` where a value of the policy goes; `alerts.runbooks` fills them in."""
