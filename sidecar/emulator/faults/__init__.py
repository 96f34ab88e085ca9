"""What goes wrong, when, and what it did.  Pure."""
