"""SIMULATED market of the home-assistant example: true values, and the answers that invented people give by them."""
