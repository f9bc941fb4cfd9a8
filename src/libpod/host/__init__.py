"""The only rooms that touch the machine: files, processes, /proc, raw system calls and JSON as Go writes
it."""
