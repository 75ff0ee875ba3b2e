"""The board: what a person woken at night reads first. Pure data in front, the page, its feed and its questions at the edge."""
