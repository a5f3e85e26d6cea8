"""What is remembered: models, secrets, and the services that change them. Knows Django."""
