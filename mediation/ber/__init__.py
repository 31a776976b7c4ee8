"""ASN.1 BER by field tables: tags and lengths, values as text, containers, formats (ITU-T X.690)."""
