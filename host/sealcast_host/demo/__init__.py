"""`make demo`: a broker, MicroPython nodes, an emulated board and this computer talk, in front of your eyes."""
