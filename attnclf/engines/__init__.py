"""Predicting files on distributed engines: what is to be done (plan), doing one file (worker), and the engines."""
