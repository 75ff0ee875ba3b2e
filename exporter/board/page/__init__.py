"""The files that the browser gets; data of this package."""
