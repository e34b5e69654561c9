"""Units become numbers: one `Encoder` for every family; only its loader knows text from pixels."""
