"""What arrived is what left."""
