"""The HTTP API: what one account, carrier or event asks of the lake, answered while others write it."""
