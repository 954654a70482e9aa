"""People in the loop: decisions about pairs."""
