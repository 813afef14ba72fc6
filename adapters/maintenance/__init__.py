"""What keeps the platform going: what is deleted by age, how much room there is, who works."""
