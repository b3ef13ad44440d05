"""Libraries shared by the services; `contracts` imports none of the others."""
