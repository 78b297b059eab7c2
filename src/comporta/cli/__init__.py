"""The command line: one small file per verb. Parsing and rendering only; what is done is in `app`."""
