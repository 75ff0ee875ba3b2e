"""Policy -> Grafana dashboards and provisioning; the only home of grafanalib. Pure: values in, text out."""
