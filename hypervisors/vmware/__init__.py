"""VMware through pyvmomi: a vCenter, or a single ESXi host."""
