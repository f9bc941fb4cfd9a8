"""OCI hooks: programs that the administrator has run beside containers of a certain kind (oci-hooks(5))."""
