"""What was decided, carried out: each action once, on exactly the object that it was decided on."""
