"""The pages, a module for each thing that they are about: ROUTES, and ENTRIES of the navigation."""
