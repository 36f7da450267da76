"""The development PKI: made at set-up, shaped like the one of the state's specialised CA."""
