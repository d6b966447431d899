"""HTTP authentication: the principal of a request, its rate limit, and the permissions its routes demand."""
