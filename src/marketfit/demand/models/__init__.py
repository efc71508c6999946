"""Choice models: each is fitted by one function, predicts, and draws its coefficients for the market."""
