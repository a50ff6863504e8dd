"""Who comes, what they may do, and what is cleaned away behind them. Knows no page, no cookie and no engine."""
