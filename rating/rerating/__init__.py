"""Re-rating: the past priced again, by reversals and new charges beside what was there.

Enters: a lake, a scope. Leaves: rows appended under a numbered rating run. Always holds: no row is changed; what would
be the same is not written; the sums of charges and movements are as they are rated now.
"""
