"""The console: the pages of the query server, for people. Each asks the same document functions that the API answers with."""
