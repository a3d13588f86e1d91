"""The command `sealcast`: one file a verb, with its arguments and what it does; main.py holds the table of them."""
