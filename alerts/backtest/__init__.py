"""What the rules of a policy would have said over a Prometheus' history, beside those of another policy."""
