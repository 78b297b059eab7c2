"""The use cases, one file each: the same for the command line, the socket and the web."""
