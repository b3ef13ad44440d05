"""How the system is brought up: here on one machine, without anything installed."""
