"""One file per figure that the documentation quotes; `python -m bench` prints them all."""
