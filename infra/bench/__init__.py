"""What the exchange costs: load with a schedule, times from the scheduled moment, CPU, floors."""
