"""The command line: one file for each noun; parse, call the program, print."""
