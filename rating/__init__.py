"""Rating: usage events become exact charges, and charges become bills, settlements and answers."""
