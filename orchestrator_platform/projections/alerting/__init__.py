"""Messages to people: written, signed, sent, tried again; and what was told already. Finds no cause by itself."""
