"""Messages, topics and shared shapes. Imports nothing else of the project."""
