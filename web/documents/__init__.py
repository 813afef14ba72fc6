"""What the platform says of itself: the API's description and the rule catalog."""
