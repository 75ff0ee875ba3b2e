"""redis_exporter's families: what is asked for them, how replies are read, how they are written."""
