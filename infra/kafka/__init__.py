"""What belongs to Kafka: the lock of its jars, its settings, users, ACLs and topics."""
