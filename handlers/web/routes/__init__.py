"""One module per topic, each with a `router` that `handlers.web.app` includes."""
