"""The OCI runtime side: specifications, runc and crun, conmon, exit files, logs and attaching."""
