"""A demo: an imaginary product of yours, on an origin of its own, whose users connect accounts."""
