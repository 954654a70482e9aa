"""When it is built: sensors, schedules and automation."""
