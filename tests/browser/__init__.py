"""The board in a real Chromium, against the real exporter on real Redis servers."""
