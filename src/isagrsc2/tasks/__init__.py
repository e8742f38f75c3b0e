"""Train, segment, evaluate: the only place that sees configuration, loggers and the clock."""
