"""What a period costs beside its usage: fees, and the discounts on all of it.

Enters: a tariff, a period, the sums of an account's charges. Leaves: tables of amounts in nano. Always holds: parts sum
to the whole, nothing goes below zero, the order of rows decides nothing.
"""
