"""Where prices come from.  Pure."""
