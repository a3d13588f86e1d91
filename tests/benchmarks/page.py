def write(f,d): return []
