"""The stack: the real parts and the services, started and watched without Docker or root."""
