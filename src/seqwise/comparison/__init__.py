"""Equal terms: who competes, at what size, with what search, for how long, and what the scores allow one to say."""
