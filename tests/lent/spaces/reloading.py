"""Ports whose connections a forked process closes."""

reload_server_ports: set[int] = set()
