"""What a fitted model says of a market: shares, prices, willingness to pay."""
