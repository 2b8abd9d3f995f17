"""Predicting files on distributed engines: the plan, one worker, and the engines."""
