"""Text or Clip become Units, the parts that are scored or hidden; no model here."""
