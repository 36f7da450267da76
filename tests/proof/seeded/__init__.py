"""Fourteen faults planted in copies of the exchange: the proof is worth what it catches of them."""
