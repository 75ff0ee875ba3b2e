"""What every refusal of the sandbox is: an error whose text names the place and the cure."""


class SandboxError(Exception):
    """The sandbox cannot do what was asked; the text is meant for the person at the terminal."""
