"""Redaction: finds numbers and addresses in what people say and write, and puts masks over them."""
