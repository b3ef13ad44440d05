"""What every process shares: settings, logs, the HTTP shell, the database engine, migrations."""
