"""What runs the exchange: the stack of real parts, the development PKI, the seeds."""
