"""The commands: options become a configuration, the library does the work, the result is printed."""
