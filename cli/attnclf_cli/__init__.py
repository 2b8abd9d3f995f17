"""The command line of attnclf: one file per command; options, one call, one print."""
