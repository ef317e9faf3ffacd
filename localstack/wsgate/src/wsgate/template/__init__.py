"""From a template to a Plan."""
