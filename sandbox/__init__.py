"""A real fleet on loopback: servers as child processes, sinks, traffic and faults, for demo, tests and benchmarks."""
