"""Roaming: what we bill other networks for their subscribers, as the files that GSMA has networks exchange."""
