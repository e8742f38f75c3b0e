"""Where the crops and prompts of training come from: synthetic farmland and labelled scenes."""
