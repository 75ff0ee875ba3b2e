"""The health indicator: the last verdicts -> UP, DOWN, OUT_OF_SERVICE or UNKNOWN. No node is asked in a request."""
