"""Response of networks to a galaxy that is observed differently."""
