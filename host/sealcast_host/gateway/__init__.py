"""The gateway: one member that hands what arrives on to files, programs and servers, and sends what these ask for."""
