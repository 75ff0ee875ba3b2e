"""A test page: a made-up alert that Alertmanager is told of, and whether it reached each way to a person."""
