"""Who may ask, who asked, and what was refused."""
