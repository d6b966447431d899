"""What a caller asked wrongly."""


class BadInput(Exception):
    """A question that cannot be answered as it was put; the message says what to change. BAD_USER_INPUT outside."""
