"""Live nodes -> frozen facts -> samples.

Pure modules (info, breaker, verdict, histogram, samples, exposition, health, ping) take values and give values; wire,
names, collector, discovery, prober, probe_link, schedule and http touch sockets, threads, processes and the clock.
"""
