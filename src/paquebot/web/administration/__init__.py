"""Administration: who may do what in a project, and how messages leave the installation."""
