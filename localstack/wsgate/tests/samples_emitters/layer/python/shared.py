from chat import handler  # noqa: F401
