"""Choice designs: which alternatives people are shown, how much the answers will tell, and how many people it takes."""
