"""The streaming service: messages from a broker into the lake, rated usage out of it, exactly once."""
