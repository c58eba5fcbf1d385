"""REST version 1 and the routing of WebSockets."""
