"""The front door and the only composition root."""
